"""The native worker against a real API server and a real RabbitMQ; the task pods are simulated, so nothing answers in them."""

import asyncio
import json
import signal
import time
import urllib.request

import aio_pika
import pytest

from tests.faults.simulated import ADMISSION, created, only, unanswered
from tests.rig import ID, Rig, until
from tests.scope import only_all
from tests.unit.worker.world import flow, task

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("rig")]  # they share a RabbitMQ
BUDGET_S = 170
MANY = 40


@pytest.fixture
def rig(site, tmp_path):
    site.make_namespace()
    it = Rig(tmp_path, site.env, site.namespace)
    it.start()
    yield it
    it.stop()


def tasks(count, start=0):
    return [task(f"Task.topo.name.{n}", [f"Device.{n}"]) for n in range(start, start + count)]


def pods(site):
    return {p["metadata"]["uid"] for p in site.get("pods", "-l", "app.kubernetes.io/name=fogflow-task")["items"]}


def all_run(rig, count):
    def check():
        states = rig.master.states()
        return len(states) == count and set(states.values()) == {"running"}

    until(check, f"{count} tasks run")


def test_tasks_outlive_their_worker(rig, site):
    rig.start_worker()
    rig.master.say("ADD_TASK", *tasks(MANY))
    all_run(rig, MANY)
    before, told = pods(site), rig.told()
    assert len(before) == len(told) == MANY

    rig.kill("worker")
    rig.master.heard.clear()
    rig.master.say("ADD_INPUT", flow("Task.topo.name.0", "Device.more"))  # while nobody listens
    rig.start_worker()
    until(lambda: len(rig.told()) == MANY + 1, "the input that came meanwhile is served")
    until(lambda: len(rig.master.states()) == MANY, "how each is, is told anew")
    rig.master.heard.clear()
    rig.master.say("ADD_TASK", *tasks(MANY))  # the designer replays
    until(lambda: len(rig.master.states()) == MANY, "a replay is answered")
    assert pods(site) == before
    assert len(rig.told()) == MANY + 1
    (read,) = [line for line in rig.lines() if line["event"] == "tasks read" and line["tasks"] == MANY]
    assert read["took_s"] < 60

    rig.processes["worker"].send_signal(signal.SIGTERM)
    assert rig.processes.pop("worker").wait(30) == 0
    assert pods(site) == before
    assert "WORKER_LEAVE" not in {kind for kind, _, _ in rig.master.heard}


def test_a_bus_that_comes_back_is_heard_again_and_nothing_is_lost(rig, site):
    rig.start_worker()
    rig.master.say("ADD_TASK", *tasks(5))
    all_run(rig, 5)
    before = pods(site)
    rig.rabbit.kill()
    time.sleep(3)
    rig.processes["worker"].send_signal(
        signal.SIGSTOP
    )  # what it says when the bus is back is said once: the master must be there
    rig.rabbit.start()
    rig.master.connect()
    rig.processes["worker"].send_signal(signal.SIGCONT)
    until(lambda: rig.count("consuming") == 2, "it consumes again", 60)
    rig.master.say("ADD_TASK", *tasks(5, 5))
    all_run(rig, 10)
    assert before <= pods(site)
    assert [k for k, _, _ in rig.master.heard].count("WORKER_JOIN") == 2


def test_what_is_sent_while_the_worker_is_away_is_kept_by_the_bus_through_its_own_restart(rig, site):
    rig.start_worker()
    rig.kill("worker")
    time.sleep(3)  # RabbitMQ writes a little later where a new quorum queue lives; before that a power cut empties it
    rig.master.say("ADD_TASK", *tasks(5))
    rig.rabbit.kill()
    rig.rabbit.start()
    rig.master.connect()
    rig.start_worker()
    all_run(rig, 5)
    assert len(pods(site)) == 5


def test_what_is_delivered_again_and_again_is_not_put_aside(rig):
    """A link that is lost each time before the API server has answered."""
    rig.start_worker()
    rig.kill("worker")
    rig.master.say("ADD_TASK", *tasks(1))

    async def take_and_hang_up():
        connection = await aio_pika.connect(rig.rabbit.url)
        async with connection:
            queue = await (await connection.channel()).get_queue(f"fogflow-k8s.{ID}", ensure=False)
            taken = asyncio.get_running_loop().create_future()
            await queue.consume(taken.set_result)
            return (await asyncio.wait_for(taken, 60)).headers

    for _ in range(25):
        headers = asyncio.run(take_and_hang_up())
    assert headers["x-delivery-count"] == 24
    rig.start_worker()
    all_run(rig, 1)


def test_a_broker_that_lost_everything_is_told_again(rig):
    rig.start_worker()
    rig.master.say("ADD_TASK", *tasks(5))
    all_run(rig, 5)
    told = rig.told()
    rig.kill("broker")
    rig.start_program("broker")
    assert rig.told() == []
    until(lambda: rig.told() == told, "all subscriptions are back", 60)


def test_of_two_replicas_one_acts_and_the_other_takes_over(rig, site):
    rig.start_worker("first")
    port = rig.start_worker("second", second=True)
    rig.master.say("ADD_TASK", *tasks(5))
    all_run(rig, 5)
    before = pods(site)
    assert rig.count("holding the lease", "second") == 0
    assert get(port, "/readyz") == "ok\n"
    assert "fogflow_worker_active 0.0" in get(port, "/metrics")
    rig.kill("first")
    until(lambda: rig.count("consuming", "second"), "the second took over", 60)
    rig.master.say("ADD_TASK", *tasks(2, 5))
    all_run(rig, 7)
    assert before <= pods(site)
    assert 'fogflow_worker_tasks{state="running"} 7.0' in get(port, "/metrics")


def test_garbage_is_put_aside_and_the_next_message_is_heard(rig):
    port = rig.start_worker()
    rig.master.say("ADD_TASK", {"ID": 3}, [], *tasks(1))
    all_run(rig, 1)
    assert "fogflow_worker_invalid_messages_total 2.0" in get(port, "/metrics")


def test_the_largest_task_is_served_and_a_larger_one_is_told_and_put_aside(rig, site):
    """An event of a watch is one line: with a quote in an output's id it has eight characters, four of them in a variable."""
    port = rig.start_worker()
    sizes = {"Task.topo.name.large": 120_000, "Task.topo.name.larger": 135_000}
    for task_id, size in sizes.items():
        rig.master.say("ADD_TASK", task(task_id, ["Device.1"], Outputs=[{"Type": "Out", "StreamID": '"' * size}]))
    rig.master.say("ADD_TASK", *tasks(1))
    large, larger = sizes
    until(
        lambda: rig.master.states().get(large) == rig.master.states().get("Task.topo.name.0") == "running", "both run"
    )
    assert rig.master.states()[larger].startswith("failed: its 1 inputs and parameters would be 27")
    assert "fogflow_worker_invalid_messages_total 1.0" in get(port, "/metrics")
    rig.master.say("ADD_INPUT", flow(large, "Device.2"))
    until(lambda: len(rig.told()) == 3, "the large one is told of more")
    assert len(site.get("deployments")["items"]) == 2
    assert rig.count("watch ended") == 0


def a_quota(_site):
    return [("ResourceQuota", "v1", {"spec": {"hard": {"count/deployments.apps": "0"}}})]


def a_policy(site):
    spec = {"matchConstraints": {"resourceRules": [created("apps", "deployments")]},
            "validations": [{"expression": "false", "message": "not on Sundays"}]}  # fmt: skip
    bound = {"policyName": site.namespace, "validationActions": ["Deny"], "matchResources": only(site)}
    return [
        ("ValidatingAdmissionPolicy", ADMISSION, {"spec": spec}),
        ("ValidatingAdmissionPolicyBinding", ADMISSION, {"spec": bound}),
    ]


def a_webhook_without_anybody(site):
    hook = unanswered(site, created("apps", "deployments"))
    return [("ValidatingWebhookConfiguration", ADMISSION, {"webhooks": [hook]})]


def one_for_pods(site):
    hook = unanswered(site, created("", "pods"))
    return [("ValidatingWebhookConfiguration", ADMISSION, {"webhooks": [hook]})]


REFUSALS = {  # who refuses -> what the designer reads
    a_quota: "exceeded quota",
    a_policy: "not on Sundays",
    a_webhook_without_anybody: "failed calling webhook",
    one_for_pods: "failed calling webhook",
}
PROBE_POD = {"containers": [{"name": "probe", "image": "probe"}]}
PROBES = [
    ("Deployment", "apps/v1", {"spec": {"selector": {"matchLabels": {"of": "probe"}}, "template": {
        "metadata": {"labels": {"of": "probe"}}, "spec": PROBE_POD}}}),
    ("Pod", "v1", {"spec": PROBE_POD}),
]  # fmt: skip


def documents(site, them):
    both = [
        {"kind": kind, "apiVersion": version, "metadata": {"name": site.namespace}, **body}
        for kind, version, body in them
    ]
    return json.dumps({"kind": "List", "apiVersion": "v1", "items": both})


def refuses(site):
    probes = documents(site, PROBES)
    made = site.kubectl("create", "--dry-run=server", "-o", "name", "-f", "-", stdin=probes, check=False).split()
    return len(made) < len(PROBES)


@pytest.mark.parametrize(
    "who",
    [pytest.param(who, marks=() if who in {a_quota, one_for_pods} else only_all, id=who.__name__) for who in REFUSALS],
)
def test_what_the_cluster_refuses_is_told_with_its_reason_and_made_when_it_may(rig, site, who):
    refusal = documents(site, who(site))
    site.kubectl("apply", "-f", "-", stdin=refusal)
    until(lambda: refuses(site), "it holds")
    rig.start_worker()
    rig.master.say("ADD_TASK", *tasks(2))

    def told():
        states = list(rig.master.states().values())
        return len(states) == 2 and all(words.startswith("failed: ") and REFUSALS[who] in words for words in states)

    until(told, "both are told")
    site.kubectl("delete", "-f", "-", stdin=refusal)
    all_run(rig, 2)


def test_a_removal_takes_everything_along_and_drains_at_the_worker_s_word(rig, site):
    rig.start_worker()
    rig.master.say("ADD_TASK", *tasks(4))
    all_run(rig, 4)
    rig.master.say("REMOVE_TASK", {"ID": "Task.topo.name.0", "WorkerID": "Worker.001"})
    until(lambda: rig.master.states()["Task.topo.name.0"] == "removed", "it is removed")
    assert len(rig.told()) == 3
    assert len(site.get("deployments")["items"]) == 3
    rig.processes["worker"].send_signal(signal.SIGUSR1)  # what --drain sends
    until(lambda: set(rig.master.states().values()) == {"removed"}, "all are removed")
    assert rig.told() == []
    assert (site.get("deployments")["items"], site.get("services")["items"]) == ([], [])
    assert "WORKER_LEAVE" in {kind for kind, _, _ in rig.master.heard}


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return answer.read().decode()
