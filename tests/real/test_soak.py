"""A soak: losses of every kind and what users do, at random, with traffic; after each the invariants hold.

make soak                                    an hour with each worker and three seeds
FOGFLOW_K8S_SOAK_S=600 FOGFLOW_K8S_SOAK_SEEDS=7 FOGFLOW_K8S_TEST_ALL=1 pytest tests/real/test_soak.py
"""

import json
import math
import os
import random
import re
import signal
import time
from pathlib import Path

import pytest

from tests.documents import parse
from tests.real import deployed
from tests.real.conftest import released, until
from tests.real.soak_status import Sample, StatusWatch, wrong_s
from tests.real.soak_subscribers import Audience
from tests.real.soak_users import Users
from tests.scope import only_all

BUDGET_S = 200
SECONDS = float(os.environ.get("FOGFLOW_K8S_SOAK_S", "100"))
SEEDS = os.environ.get("FOGFLOW_K8S_SOAK_SEEDS", "1").split(",")
WORKLOADS = ("discovery", "cloud-broker", "master", "cloud-worker", "designer", "rabbitmq", "nginx", "keeper")
KEEP_STORED = ("designer", "keeper")
"""Not lost just after users stored something: what is younger than the keeper's last look may be lost with them."""
WORKERS = {"upstream": (), "native": ("--set", "worker.implementation=native,worker.nativeImage.registry=localhost")}
UPGRADES = ("replicaCount=3", "config.worker.capacity=99", "podAnnotations.soak=again")
"""Harmless values: one that touches nginx alone, one for all that read config.json, one that restarts everything."""
SOON_S, WRONG_S = 60.0, 10.0
"""For what is left behind to go; and how long `working` may be said of a FogFlow that does not work."""
LOOKED_S = WRONG_S + deployed.SNAPSHOT_S
"""How long `status` may be wrong: so long after the keeper's next look."""
GROWTH, GROWTH_MIB = 1.5, 64
"""How much more memory than at first a component may have."""


class SoakFogFlow(deployed.FogFlow):
    """What users add does not count as a fault: its own function is looked at."""

    def __init__(self, *args):
        super().__init__(*args)
        self.stopped = []

    def tasks(self, function=deployed.FUNCTION["name"]):
        return super().tasks(function)

    def hangs(self):
        """Whether a process that was stopped has not been ended yet.

        Users may not notice: the tasks of a worker that hangs go on, and the master lists it for some time.
        """
        self.stopped = [pid for pid in self.stopped if _is_stopped(pid)]
        return bool(self.stopped)


def _is_stopped(pid):
    """Whether a process is still there, and stopped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except (OSError, IndexError):
        return False


class Soak:
    """One release, one seed. It begins with the most that users make, and then without it: more than that must never be."""

    def __init__(self, fogflow, seed, options, audience, status):
        self.fogflow, self.chance, self.done, self.options = fogflow, random.Random(seed), [], options
        self.audience, self.status, self.users = audience, status, Users(fogflow, self.chance)
        self.users.prepare()
        self.users.store()
        self.users.intend()
        self.full, self.most = self.settled(), self.users.more()
        self.users.delete()
        self.users.withdraw()
        self.bare = self.settled()

    def settled(self):
        """What there is when FogFlow has taken up all that users did."""
        self.run()
        self.fogflow.settle()
        until(lambda: self.nowhere() == [], "no subscription leads nowhere", SOON_S)
        return self.counts()

    def run(self):
        """Until each task of everything that is stored runs once."""

        def running():
            self.users.publish()
            return not self.users.amiss()

        try:
            until(running, "each task of what is stored runs once", 300, 1.0)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.users.amiss()} after {self.done[-4:]}") from error

    def counts(self):
        """What must not grow."""
        fogflow = self.fogflow
        at = "/metrics/detailed?family=connection_coarse_metrics"
        text = deployed.raw(fogflow.url("rabbitmq", 15692, at))
        at_discovery = deployed.call("GET", fogflow.url("discovery", 8090, "/ngsi9/subscription"))
        return {
            "subscriptions": len(deployed.call("GET", fogflow.url("cloud-broker", 8070, "/ngsi10/subscription"))),
            # a plan that is withdrawn leaves the master's there until the next replay
            "subscriptions at discovery": sum("//master." not in json.dumps(one) for one in at_discovery.values()),
            "registrations": len(re.findall('"id"', self.registered())),
            "connections": len(re.findall(r"^rabbitmq_detailed_connection_incoming_bytes_total", text, re.MULTILINE)),
            "objects": len(fogflow.box.get("all", "-n", f"{fogflow.namespace}-tasks")["items"]),
            "objects of the release": len(
                fogflow.get("deployments,statefulsets,services,configmaps,serviceaccounts")["items"]
            ),
            **{f"MiB of {name}": mib for name in WORKLOADS if (mib := deployed.memory_mib(fogflow.pods(name)))},
        }

    def allowed(self, what):
        """The most of it, for the tasks that must run now. What a task published stays registered, as its entity."""
        bare, full = self.bare.get(what, 0), self.full.get(what, 0)
        if what.startswith("MiB"):
            return GROWTH * max(bare, full) + GROWTH_MIB
        if what in {"registrations", "connections"}:
            return max(bare, full)
        return bare + math.ceil((full - bare) * self.users.more() / self.most)

    def registered(self):
        everything = {"entities": [{"id": ".*", "isPattern": True}]}
        return json.dumps(
            deployed.call("POST", self.fogflow.url("discovery", 8090, "/ngsi9/discoverContextAvailability"), everything)
        )

    def nowhere(self):
        """Subscriptions of tasks that do not exist."""
        tasks = self.fogflow.box.get("deployments", "-n", f"{self.fogflow.namespace}-tasks")["items"]
        names = {one["metadata"]["name"].removeprefix("fogflow-task-") for one in tasks}
        held = deployed.call("GET", self.fogflow.url("cloud-broker", 8070, "/ngsi10/subscription")).values()
        references = [one["reference"] for one in held if "Task." in json.dumps(one)]
        return [one for one in references if not any(re.search(rf"\b{name}\b", one) for name in names)]

    # -- what happens --------------------------------------------------------------------------------------------------

    def lose(self, spare=()):
        """One workload, in one way; those in `spare` are not lost."""
        name = self.chance.choice([one for one in WORKLOADS if one not in spare])
        how = self.chance.choice(["deleted", "killed", "hung"])
        pods = self.fogflow.pods(name)
        if not pods or not deployed.processes(pods[0]):
            return f"{name} is away"
        if how == "deleted":
            pod = pods[0]["metadata"]["name"]
            self.fogflow.box.kubectl("-n", self.fogflow.namespace, "delete", "pod", pod, "--wait=false")
        else:
            pids = deployed.hit(pods[0], signal.SIGKILL if how == "killed" else signal.SIGSTOP)
            self.fogflow.stopped += pids if how == "hung" else []
        return f"{name} {how}"

    def use(self):
        """An operation of a user; every other time something is lost just before it, and perhaps after it, too."""
        lossy = self.chance.random() < 0.5
        if lossy:
            self.note(self.lose(KEEP_STORED))
        what = self.users.act(calm=not lossy)
        if lossy and self.chance.random() < 0.5:
            self.note(what)
            return self.lose(KEEP_STORED)
        return what

    def restart(self):
        names = self.chance.choice([(), *((name,) for name in WORKLOADS)])
        self.fogflow.box.tool("restart", *names, "-n", self.fogflow.namespace, "--yes")
        return f"restart {' '.join(names) or 'all'}"

    def upgrade(self):
        value = self.chance.choice(UPGRADES)
        self.fogflow.box.tool("deploy", "-n", self.fogflow.namespace, *self.options, "--set", value, "--yes")
        return f"upgrade with {value}"

    def rollback(self):
        """To the revision before; when there is none, an upgrade."""
        told = parse(self.fogflow.box.tool("status", "-n", self.fogflow.namespace, "-o", "json", code=None))
        revision = told["release"]["revision"]
        if revision == 1:
            return self.upgrade()
        self.fogflow.box.tool("rollback", revision - 1, "-n", self.fogflow.namespace, "--yes")
        return f"rollback from {revision} to {revision - 1}"

    def note(self, what):
        self.done.append((time.strftime("%X"), what))

    def step(self):
        possible = {self.lose: 5, self.use: 4, self.restart: 1, self.upgrade: 1, self.rollback: 1}
        event = self.chance.choices(list(possible), list(possible.values()))[0]
        self.note(event())
        if event != self.use and self.chance.random() < 0.3:
            time.sleep(self.chance.uniform(0.0, 20.0))
            self.note(self.lose())

    # -- what must hold ------------------------------------------------------------------------------------------------

    def hold(self):
        """FogFlow works again, `status` said so and only then, nothing stored is lost, and nothing is left behind."""
        story = self.done[-5:]
        self.watch(story)
        self.run()
        until(lambda: not self.fogflow.hangs(), f"what hangs is ended after {story}", 300)
        self.fogflow.settle()
        since = time.monotonic()
        until(lambda: self.status.agrees(since, LOOKED_S, story), f"status says working after {story}", SOON_S)
        assert self.users.lost() == "", f"after {story}"
        until(lambda: self.nowhere() == [], f"no subscription leads nowhere after {story}", SOON_S)
        end = time.monotonic() + SOON_S
        while grown := self.grown():
            assert time.monotonic() < end, f"{grown} after {story}: {self.repairs()}"
            time.sleep(0.5)
        self.run()
        self.audience.hear(story)
        self.users.rest()

    def grown(self):
        """What there is too much of: (the most that may be, what there is)."""
        now = self.counts()
        return {what: (self.allowed(what), now[what]) for what in now if now[what] > self.allowed(what)}

    def repairs(self):
        """What the keeper has done last, and its word now: for whoever reads why a soak failed."""
        told = self.fogflow.report()
        return [told.get("state"), told.get("why"), *(told.get("repairs") or [])[-6:]]

    def watch(self, story):
        """Until it works for some time; what the keeper and `status` say must agree within seconds."""
        start = well = time.monotonic()
        wrong = None
        while time.monotonic() - well < deployed.SETTLE_S:
            self.users.publish()
            asked = time.monotonic()
            ails = self.fogflow.ails()
            now = time.monotonic()
            self.status.note(asked, not ails)
            wrong = (wrong or now) if ails and self.fogflow.report().get("state") == "working" else None
            assert wrong is None or now - wrong < WRONG_S + deployed.SETTLE_S, (
                f"it says working, and {ails}: {story}: {self.repairs()}"
            )
            assert self.status.wrong_s() < LOOKED_S, f"status says working, and {ails}: {story}"
            assert now - start < 300, f"{ails} after {story}\n{json.dumps(self.fogflow.report())[:2000]}"
            well = now if ails else well
            time.sleep(0.3)


@pytest.mark.parametrize(
    ("said", "true", "expected"),
    [
        ("++++++", "------", 5.0),  # from the first answer to the last question
        ("++++++", "++++++", 0.0),
        ("------", "------", 0.0),
        ("++++++", "+---++", 2.0),
        ("++--++", "------", 1.0),
        ("---+--", "------", 0.0),  # once: nobody knows for how long
        ("+", "-", 0.0),
        ("", "---", 0.0),
        ("+++ +++", "-------", 2.0),  # asked again after a long time
    ],
)
def test_status_is_wrong_for_as_long_as_samples_show(said, true, expected):
    def samples(text):
        at = [float(n) + (10.0 if " " in text[:n] else 0.0) for n in range(len(text))]
        return [Sample(t, t, each == "+") for t, each in zip(at, text, strict=True) if each != " "]

    assert wrong_s(samples(said), samples(true)) == expected


@pytest.mark.timeout(7200)
@only_all
@pytest.mark.parametrize(("worker", "seed"), [(w, s) for w in WORKERS for s in SEEDS])
def test_soak(box, worker, seed):
    options = ("--set", "tolerationSeconds=5", *WORKERS[worker])
    with released(box, f"soak-{worker}-{seed}", *options) as it:
        fogflow = SoakFogFlow(box, it.namespace, it.subscriber)
        with Audience(fogflow) as audience, StatusWatch(box, fogflow.namespace) as status:
            soak = Soak(fogflow, f"{worker} {seed}", options, audience, status)
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                soak.step()
                soak.hold()
            print(
                f"\n{worker} {seed}: {len(soak.done)} events in {SECONDS:.0f} s, {soak.full} -> {soak.counts()}; "
                f"status was wrong for {status.wrong_s():.1f} s"
            )
