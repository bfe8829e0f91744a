"""A soak: losses of every kind and what users do, at random, with traffic; after each the invariants hold.

make soak                                    an hour with each worker and three seeds
FOGFLOW_K8S_SOAK_S=600 FOGFLOW_K8S_SOAK_SEEDS=7 FOGFLOW_K8S_TEST_ALL=1 pytest tests/real/test_soak.py
"""

import json
import os
import random
import re
import signal
import time

import pytest

from tests.real import cell as cells
from tests.real.conftest import released, until
from tests.scope import only_all

BUDGET_S = 600
SECONDS = float(os.environ.get("FOGFLOW_K8S_SOAK_S", "120"))
SEEDS = os.environ.get("FOGFLOW_K8S_SOAK_SEEDS", "1").split(",")
WORKLOADS = ("discovery", "cloud-broker", "master", "cloud-worker", "designer", "rabbitmq", "nginx", "keeper")
ENGINES = {"upstream": (), "native": ("--set", "worker.engine=fogflow-k8s")}
SOON_S, WRONG_S = 60.0, 10.0
"""For what is left behind to go; and how long `working` may be said of a FogFlow that does not work."""
MORE = {**cells.FUNCTION, "name": "f2", "input": "Humidity", "output": "Damp"}


class Soak:
    """One release, one seed."""

    def __init__(self, cell, seed):
        self.cell, self.chance, self.done = cell, random.Random(seed), []
        cell.settle()
        self.before = self.counts()

    def counts(self):
        """What must not grow."""
        cell = self.cell
        at = "/metrics/detailed?family=connection_coarse_metrics"
        text = cells.raw(cell.url("rabbitmq", 15692, at))
        at_discovery = cells.call("GET", cell.url("discovery", 8090, "/ngsi9/subscription"))
        return {
            "subscriptions": len(cells.call("GET", cell.url("cloud-broker", 8070, "/ngsi10/subscription"))),
            # a plan that is withdrawn leaves the master's there until the next replay
            "subscriptions at discovery": sum("//master." not in json.dumps(one) for one in at_discovery.values()),
            "registrations": len(re.findall('"id"', self.registered())),
            "connections": len(re.findall(r"^rabbitmq_detailed_connection_incoming_bytes_total", text, re.MULTILINE)),
            "objects": len(cell.box.get("all", "-n", f"{cell.namespace}-tasks")["items"]),
        }

    def registered(self):
        everything = {"entities": [{"id": ".*", "isPattern": True}]}
        return json.dumps(
            cells.call("POST", self.cell.url("discovery", 8090, "/ngsi9/discoverContextAvailability"), everything)
        )

    def nowhere(self):
        """Subscriptions of tasks that do not exist."""
        tasks = self.cell.box.get("deployments", "-n", f"{self.cell.namespace}-tasks")["items"]
        names = {one["metadata"]["name"].removeprefix("fogflow-task-") for one in tasks}
        held = cells.call("GET", self.cell.url("cloud-broker", 8070, "/ngsi10/subscription")).values()
        references = [one["reference"] for one in held if "Task." in json.dumps(one)]
        return [one for one in references if not any(re.search(rf"\b{name}\b", one) for name in names)]

    # -- what happens --------------------------------------------------------------------------------------------------

    def lose(self):
        name, how = self.chance.choice(WORKLOADS), self.chance.choice(["deleted", "killed", "wedged"])
        pods = self.cell.pods(name)
        if not pods:
            return f"{name} is away"
        if how == "deleted":
            pod = pods[0]["metadata"]["name"]
            self.cell.box.kubectl("-n", self.cell.namespace, "delete", "pod", pod, "--wait=false")
        else:
            cells.hit(pods[0], signal.SIGKILL if how == "killed" else signal.SIGSTOP)
        return f"{name} {how}"

    def use(self):
        """A user adds a function and a device, and takes both away again; FogFlow may be at a loss meanwhile."""
        url = self.cell.url
        until(lambda: self.asked("POST", url("nginx", 80, "/fogfunction"), MORE), "a function is stored")
        until(lambda: self.asked("", "", "H1"), "a device has published")
        if self.chance.random() < 0.5:
            self.done.append((time.strftime("%X"), self.lose()))
        time.sleep(self.chance.uniform(0.0, 15.0))
        until(lambda: self.asked("DELETE", url("nginx", 80, "/fogfunction/f2"), None), "the function is deleted")
        element = {"entityId": {"id": "H1", "type": "Humidity"}}
        gone = {"contextElements": [element], "updateAction": "DELETE"}
        until(lambda: self.asked("POST", url("nginx", 80, "/ngsi10/updateContext"), gone), "the device is gone")
        return "a function came and went"

    def asked(self, method, url, body):
        try:
            self.cell.update(body, 1, "Humidity") if not method else cells.raw(
                url, method, None if body is None else json.dumps(body).encode()
            )
        except OSError:
            return False
        return True

    def restart(self):
        name = self.chance.choice(["master", "designer", "cloud-broker", "cloud-worker"])
        self.cell.box.tool("restart", name, "-n", self.cell.namespace, "--yes")
        return f"restart {name}"

    def step(self):
        what = self.chance.choices([self.lose, self.use, self.restart], [5, 2, 1])[0]()
        self.done.append((time.strftime("%X"), what))
        if self.chance.random() < 0.3:
            time.sleep(self.chance.uniform(0.0, 20.0))
            self.done.append((time.strftime("%X"), self.lose()))

    # -- what must hold ------------------------------------------------------------------------------------------------

    def hold(self):
        """FogFlow works again, nobody said so while it did not, and nothing is left behind."""
        story = self.done[-4:]
        self.watch(story)
        self.cell.settle()
        until(lambda: self.nowhere() == [], f"no subscription leads nowhere after {story}", SOON_S)
        end = time.monotonic() + SOON_S
        while grown := self.grown():
            assert time.monotonic() < end, f"{grown} after {story}"
            time.sleep(0.5)

    def grown(self):
        now = self.counts()
        return {what: (self.before[what], now[what]) for what in now if now[what] > self.before[what]}

    def watch(self, story):
        """Until it works for some time; what the keeper says must agree within seconds."""
        start = well = time.monotonic()
        wrong = None
        while time.monotonic() - well < cells.SETTLE_S:
            ails = self.cell.ails()
            now = time.monotonic()
            wrong = (wrong or now) if ails and self.cell.report().get("state") == "working" else None
            assert wrong is None or now - wrong < WRONG_S + cells.SETTLE_S, f"it says working, and {ails}: {story}"
            assert now - start < 300, f"{ails} after {story}\n{json.dumps(self.cell.report())[:2000]}"
            well = now if ails else well
            time.sleep(0.3)


@only_all
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_soak(box, engine, seed):
    with released(box, f"soak-{engine}-{seed}", "--set", "tolerationSeconds=5", *ENGINES[engine]) as cell:
        soak = Soak(cell, f"{engine} {seed}")
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            soak.step()
            soak.hold()
        print(f"\n{engine} {seed}: {len(soak.done)} events in {SECONDS:.0f} s, {soak.before} -> {soak.counts()}")
