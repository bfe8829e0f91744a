"""Our worker in a whole FogFlow on real nodes: whatever is lost, no task pod is touched; failures are told; a burst is quick."""

import base64
import json
import signal
import time
from datetime import UTC, datetime

import pytest

from tests.documents import parse
from tests.real import deployed
from tests.real.conftest import until
from tests.real.figures import record_in_all
from tests.real.images import APP_VERSION
from tests.rig import Master
from tests.scope import ALL, sampled
from tests.unit.worker.world import task

IMAGE = f"docker.io/fogflow/operator:{APP_VERSION}"
BUDGET_S = 150
BURST = 50 if ALL else 20
LOST = ("cloud-worker", "master", "designer", "cloud-broker", "rabbitmq")
WAYS = ("deleted", "killed")
GATE = [("cloud-worker", "killed"), ("cloud-worker", "deleted"), ("cloud-broker", "killed"), ("rabbitmq", "killed")]


@pytest.fixture
def fogflow(native):
    return native


@pytest.fixture
def master(fogflow):
    """Somebody who speaks on FogFlow's own bus as its master does."""
    secret = fogflow.get("secret", "fogflow-rabbitmq")["data"]
    password = base64.b64decode(secret["password"]).decode()
    it = Master(f"amqp://fogflow:{password}@{fogflow.address['rabbitmq']}:5672/")
    yield it
    it.close()


def pods(fogflow):
    """uid and restarts of every task pod."""
    found = fogflow.box.get("pods", "-n", f"{fogflow.namespace}-tasks")["items"]
    return {p["metadata"]["uid"]: [c["restartCount"] for c in p["status"].get("containerStatuses", [])] for p in found}


@pytest.mark.parametrize(("name", "how"), sampled([(n, h) for h in WAYS for n in LOST], gate=GATE))
def test_no_task_is_touched_whatever_is_lost(fogflow, name, how):
    fogflow.settle()
    before, told = pods(fogflow), told_of(fogflow)
    if how == "deleted":
        fogflow.box.kubectl(
            "-n", fogflow.namespace, "delete", "pod", "-l", f"app.kubernetes.io/name={name}", "--wait=false"
        )
    else:
        deployed.hit(fogflow.pods(name)[0], signal.SIGKILL)
    took = fogflow.recover()
    record_in_all("ours", name, how, took)
    assert pods(fogflow) == before, "no task pod was restarted, added or removed"
    until(lambda: told_of(fogflow) == told, "each is told of the same as before, once")


def told_of(fogflow):
    """Whom the broker tells of what, outside subscribers left out."""
    held = deployed.call("GET", fogflow.url("cloud-broker", 8070, "/ngsi10/subscription")).values()
    return sorted((s["reference"], s["entities"][0]["id"]) for s in held if "fogflow-task-" in s["reference"])


FAILURES = {
    "image": ({"DockerImage": "docker.io/fogflow/absent:1"}, "FK-4001"),
    "crash": ({"DockerImage": "docker.io/nginxinc/nginx-unprivileged:crash"}, "FK-5001"),
    "room": ({"Parameters": [{"name": "cpu-request", "value": "64"}]}, "FK-3001"),
    "quantity": ({"Parameters": [{"name": "memory-limit", "value": "a lot"}]}, "quantit"),
    "machine": ({"DockerImage": ""}, "the operator has no image"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_every_failure_is_told_with_its_reason(fogflow, master, kind):
    changed, reason = FAILURES[kind]
    id_ = f"Task.failing.{kind}.1"
    master.say("ADD_TASK", {**task(id_, [], IMAGE), **changed})
    until(lambda: reason in master.states().get(id_, ""), f"{reason} is told")
    assert master.states()[id_].startswith("failed: ")

    def listed():
        tasks = parse(fogflow.box.tool("task", "list", "-n", fogflow.namespace, "-o", "json"))["tasks"]
        (mine,) = [t for t in tasks if t["id"] == id_]
        return mine["state"] == "failed" and reason in mine["reason"]

    until(listed, "task list says so a second later")
    master.say("REMOVE_TASK", {"ID": id_, "WorkerID": "Worker.001"})
    until(lambda: master.states()[id_] == "removed", "it is removed")


def test_a_burst_is_served_in_time(fogflow, master):
    """From ADD_TASK to what the task says after its first notification, seen at the broker."""
    url = fogflow.url("cloud-broker", 8070, "/ngsi10/updateContext")
    names = [f"Burst.{n}" for n in range(BURST)]
    for name in names:
        element = {
            "entityId": {"id": name, "type": "Device"},
            "attributes": [{"name": "v", "type": "integer", "value": 1}],
        }
        deployed.call("POST", url, {"contextElements": [element], "updateAction": "UPDATE"})
    tasks = [task(f"Task.burst.b.{n}", [name], IMAGE) for n, name in enumerate(names)]
    start, began = time.monotonic(), datetime.now(UTC)
    master.say("ADD_TASK", *tasks)
    seen = {}
    until(lambda: _outputs(fogflow, seen, start) == BURST, "all have spoken", every=0.1)
    made = (_kept_last(fogflow, {t["ID"] for t in tasks}) - began).total_seconds()
    took = sorted(seen.values())
    p50, p99 = (took[min(len(took) - 1, len(took) * share // 100)] for share in (50, 99))
    record_in_all("burst", "tasks kept per second", BURST / made)
    record_in_all("burst", f"ADD_TASK to first output, p50, burst of {BURST}, s", p50)
    record_in_all("burst", f"ADD_TASK to first output, p99, burst of {BURST}, s", p99)
    before = pods(fogflow)
    master.say("ADD_TASK", *tasks)
    time.sleep(5)
    assert pods(fogflow) == before
    master.say("REMOVE_TASK", *({"ID": t["ID"], "WorkerID": "Worker.001"} for t in tasks))
    until(lambda: len(fogflow.tasks() or ()) == len(deployed.DEVICES), "all are gone")
    if ALL:  # what the machine can do at all, whoever asks for the pods
        plain = _as_many_plain_pods(fogflow)
        record_in_all("burst", f"{BURST} pods of one Deployment, without any worker, all ready after, s", plain)
        record_in_all("burst", "p99 beside that", p99 / plain, bar=2)


def _kept_last(fogflow, ids):
    """When the last of these tasks was kept, by the worker's own log: what it tells the master waits for the bus as well."""
    lines = fogflow.box.kubectl("-n", fogflow.namespace, "logs", "deploy/cloud-worker").splitlines()
    said = [json.loads(line) for line in lines if line.startswith("{")]  # others are of libraries
    at = {line["task"]: line["time"] for line in said if line["event"] == "task added" and line["task"] in ids}
    assert at.keys() == ids
    return datetime.fromisoformat(max(at.values()))


def _as_many_plain_pods(fogflow):
    """Seconds until as many pods of one Deployment are ready, with the same image and the same probe."""
    template = fogflow.box.get("deployments", "-n", f"{fogflow.namespace}-tasks")["items"][0]["spec"]["template"]
    labels = {"app.kubernetes.io/name": "plain"}
    template["metadata"] = {"labels": labels}
    body = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "plain", "namespace": f"{fogflow.namespace}-tasks"},
        "spec": {"replicas": BURST, "selector": {"matchLabels": labels}, "template": template},
    }  # fmt: skip
    start = time.monotonic()
    fogflow.box.kubectl("apply", "-f", "-", stdin=json.dumps(body))
    fogflow.box.kubectl("rollout", "status", "deployment/plain", "-n", f"{fogflow.namespace}-tasks", "--timeout=170s")
    took = time.monotonic() - start
    fogflow.box.kubectl("delete", "deployment/plain", "-n", f"{fogflow.namespace}-tasks")
    return took


def _outputs(fogflow, seen, start):
    for entity in fogflow.entities():
        if entity["entityId"]["id"].startswith("Out.Task.burst."):
            seen.setdefault(entity["entityId"]["id"], time.monotonic() - start)
    return len(seen)
