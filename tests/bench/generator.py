"""The load generator of `bench` at the fakes of broker and discovery: what it sees beside a plain client, and a known limit."""

import http.client
import json
import statistics
import tempfile
import time
from urllib.parse import urlsplit

from fogflow_k8s.loadgen.run import run
from fogflow_k8s.model.bench.plan import Plan
from fogflow_k8s.model.bench.requests import load, preparation
from fogflow_k8s.model.bench.slo import parse
from fogflow_k8s.model.bench.step import from_json
from tests.contract.recorded import Programs
from tests.vegeta import vegeta

RATE, DURATION_S, ENTITIES = 50, 10, 100
ADMITS = 500
SCENARIOS = ("update", "ngsi-ld", "query", "notify", "discover")


def rows():
    """One row per scenario, and one for the search."""
    with tempfile.TemporaryDirectory() as folder:
        fakes = Programs(folder)
        fakes.start("discovery", "broker")
        try:
            return [_scenario(fakes, name) for name in SCENARIOS] + [_search(fakes)]
        finally:
            fakes.stop()


def _scenario(fakes, name):
    plan = _plan(fakes, name)
    (step,) = _steps(plan)
    ours, theirs = step.percentiles["p50"], _plain(plan)
    what = "updates answered" if name == "notify" else "a plain client"
    return (
        f"`bench`, {name} at {RATE}/s, p50", f"{ours * 1000:.2f} ms", what, f"{theirs * 1000:.2f} ms", f"{ours / theirs:.2f}", "",
    )  # fmt: skip


def _search(fakes):
    """The capacity of a broker that admits a known number of requests per second."""
    fakes.call("broker", "POST", "/fake/load", {"admits": ADMITS})
    limits = parse("p99=200ms")
    begin = time.monotonic()
    steps = _steps(_plan(fakes, "update", find_capacity=True, limits=limits))
    took = time.monotonic() - begin
    fakes.call("broker", "POST", "/fake/load", {})
    found = max(step.rate for step in steps if not step.violations(limits))
    name = f"`bench --find-capacity` after {took:.0f} s"
    return (name, f"{found:g}/s", "what the broker admits", f"{ADMITS}/s", f"{found / ADMITS:.2f}", "0.95 to 1.05")


def _plan(fakes, name, **more):
    return Plan(
        "bench", name, RATE, DURATION_S, ENTITIES, int(name == "notify"), fakes.url("broker"), fakes.url("discovery"),
        accept_notifying=True, **more,
    )  # fmt: skip


def _steps(plan):
    return [from_json(each) for each in run(plan, lambda _: None, address="127.0.0.1", port=0, program=str(vegeta()))]


def _plain(plan):
    """The median of a client with one kept connection, which sends the same requests at the same rate, in seconds."""
    connections = {}

    def send(request):
        where = urlsplit(request.url)
        kept = connections.setdefault(where.netloc, http.client.HTTPConnection(where.netloc, timeout=10))
        kept.request(
            request.method, where.path, request.content, {"Content-Type": "application/json", **dict(request.headers)}
        )
        kept.getresponse().read()

    for request in preparation(plan):
        send(request)
    waits, begin = [], time.monotonic()
    for number in range(RATE * DURATION_S):
        time.sleep(max(begin + number / RATE - time.monotonic(), 0.0))
        request, sent = load(plan, number), time.perf_counter()
        send(request)
        waits.append(time.perf_counter() - sent)
    return statistics.median(waits)


if __name__ == "__main__":
    print(json.dumps(rows(), indent=1))
