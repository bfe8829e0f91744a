"""What `bench run` measures on real nodes of a broker with known properties: its delay, losses, stalls and limit.

The properties are those of the fake broker (tests/fakes/broker/load.go), for the requests of the load generator alone. The bounds are
those of the design. In the gate a known loss of tasks' outputs alone is counted: beside other work, a clock tells of the machine.
"""

import contextlib
import json
import subprocess
import sys
import threading
import time

import pytest

from tests.real import deployed
from tests.real.conftest import released, until
from tests.real.images import APP_VERSION
from tests.real.native.conftest import NATIVE
from tests.real.native.measuring import measured
from tests.scope import only_all

BUDGET_S = 150
DELAY_S = 0.02

CLIENT = """
import http.client, json, statistics, sys, time
host, port, rate, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
connection, waits = http.client.HTTPConnection(host, port, timeout=10), []
entity = {"id": "Plain.1", "type": "Plain", "isPattern": False}
begin = time.monotonic()
for number in range(round(rate * seconds)):
    time.sleep(max(begin + number / rate - time.monotonic(), 0))
    element = {"entityId": entity, "attributes": [{"name": "v", "type": "integer", "value": number}]}
    body = json.dumps({"contextElements": [element], "updateAction": "UPDATE"})
    sent = time.perf_counter()
    connection.request("POST", "/ngsi10/updateContext", body, {"Content-Type": "application/json", "X-Vegeta-Seq": "1"})
    connection.getresponse().read()
    waits.append(time.perf_counter() - sent)
print(json.dumps({"p50": statistics.median(waits), "count": len(waits)}))
"""
"""A client that is no load generator: one kept connection, one request after the other, each at its time."""


@contextlib.contextmanager
def properties(fogflow, broker="cloud-broker", **wanted):
    """The broker has these properties for a block."""
    url = fogflow.url(broker, 8070, "/fake/load")
    deployed.call("POST", url, wanted)
    try:
        yield
    finally:
        deployed.call("POST", url, {})


def the_run(it, *words):
    """What the only scenario of a run measured."""
    (run,) = measured(it, *words)["runs"]
    return run


def the_rate(run):
    """The only rate of a scenario that searched none."""
    (found,) = run["rates"]
    return found


def plain_client(it, rate, seconds, found):
    """Put into `found` what the plain client measures in the network of the generator's pod, while the load is on."""

    def loaded():
        pods = it.get("pods", "-l", "app.kubernetes.io/component=bench")["items"]
        log = pods and it.box.kubectl("-n", it.namespace, "logs", pods[0]["metadata"]["name"], check=False)
        return deployed.processes(pods[0]) if log and '"progress"' in log else None

    pid = until(loaded, "the load has begun", 120)[0]
    where = [it.address["cloud-broker"], "8070", str(rate), str(seconds)]
    argv = ["nsenter", f"--net=/proc/{pid}/ns/net", sys.executable, "-c", CLIENT, *where]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    found.update(json.loads(done.stdout) if done.returncode == 0 else {"failed": done.stderr[-500:]})


@only_all
def test_a_known_delay_is_measured_and_a_plain_client_sees_the_same(native):
    """Both at the same rate, at the same time, from the same network namespace."""
    seen = {}
    with properties(native, delay=DELAY_S):
        client = threading.Thread(target=plain_client, args=(native, 40, 5, seen))
        client.start()
        found = the_rate(the_run(native, "update", "--rate", "40", "--duration", "20s"))
        client.join()
    deployed.call("DELETE", native.url("cloud-broker", 8070, "/ngsi10/entity/Plain.1"))
    p50 = found["percentilesSeconds"]["p50"]
    assert found["answeredCount"] == found["plannedCount"] == 800
    assert p50 >= DELAY_S, "no answer came before"
    assert seen.get("count") == 200, seen
    assert seen["p50"] >= DELAY_S
    print(f"p50 of the generator {p50 * 1000:.2f} ms, of a plain client {seen['p50'] * 1000:.2f} ms")
    assert p50 <= DELAY_S + 0.002
    assert p50 == pytest.approx(seen["p50"], rel=0.1)


@only_all
def test_a_known_loss_is_counted_exactly(native):
    with properties(native, delay=DELAY_S, losesEvery=100):
        words = ["notify", "--rate", "100", "--duration", "10s", "--entities", "500"]
        run = the_run(native, *words)
    found = the_rate(run)
    told = found["notifications"]
    assert (told["expectedCount"], told["lostCount"], told["doubledCount"]) == (1000, 10, 0)
    assert not run["ok"]
    assert found["percentilesSeconds"]["p50"] >= DELAY_S
    assert found["percentilesSeconds"]["p50"] <= DELAY_S + 0.005, "the notification is sent after the delay"


@only_all
def test_a_stall_is_in_the_highest_percentiles(native):
    """One second in ten: at least one whole stall in twelve seconds. Of the requests planned in it, one in eight waits 0.85 s or more."""
    with properties(native, stallEvery=10, stallFor=1):
        found = the_rate(the_run(native, "update", "--rate", "50", "--duration", "12s"))["percentilesSeconds"]
    assert found["max"] >= 0.95, "the first request of a stall waits as long as it lasts"
    assert found["p99"] >= 0.8
    assert found["p50"] < 0.5, "nine in ten wait for nothing"


@only_all
def test_a_search_finds_what_the_broker_admits(native):
    with properties(native, admits=500):
        begin = time.monotonic()
        words = ["update", "--find-capacity", "--rate", "100", "--slo", "p99=200ms"]
        run = the_run(native, *words)
        took = time.monotonic() - begin
    print(f"capacity {run['capacity']['rate']:g}/s after {took:.0f} s, rates {sorted(r['rate'] for r in run['rates'])}")
    assert run["capacity"]["rate"] == pytest.approx(500, rel=0.05)
    assert took < 180 + 60, "the search ends within its three minutes; a pod starts and ends beside it"


@only_all
def test_two_shards_admit_twice_as_much(box):
    """Each of the two admits 400 requests per second; the generator gives each shard its own entities."""
    options = (*NATIVE, "--set", "broker.shards=2,broker.acceptNotificationLoops=true")
    with (
        released(box, "bench-shards", *options) as it,
        properties(it, admits=400),
        properties(it, "cloud-broker-1", admits=400),
    ):
        run = the_run(it, "update", "--find-capacity", "--rate", "400", "--slo", "p99=200ms")
    print(f"capacity of two shards {run['capacity']['rate']:g}/s, rates {sorted(r['rate'] for r in run['rates'])}")
    assert run["capacity"]["rate"] == pytest.approx(800, rel=0.1)


def test_outputs_of_tasks_are_measured_and_nothing_is_left(native):
    """Through the worker's tasks: an update that the task does not hear of has no output, so a known loss is a known one here, too."""
    image = f"docker.io/fogflow/operator:{APP_VERSION}"
    words = ["flow", "--rate", "20", "--duration", "10s", "--entities", "5", "--task-image", image]
    with properties(native, losesEvery=50):
        run = the_run(native, *words)
    found = the_rate(run)
    told = found["notifications"]
    assert (told["expectedCount"], told["receivedCount"], told["lostCount"], told["doubledCount"]) == (200, 196, 4, 0)
    assert 0 < found["percentilesSeconds"]["p50"] <= found["percentilesSeconds"]["max"]
    assert not [e for e in native.entities() if "FogflowK8sBench" in e["entityId"]["type"]]
    functions = deployed.call("GET", native.url("designer", 8080, "/fogfunction"))
    assert not [name for name in functions if name.startswith("bench-")]
    assert len(until(native.tasks, "no task on its way")) == len(deployed.DEVICES)
