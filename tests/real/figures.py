"""Figures that the tests measure on their way; docs/reliability.md is made of them."""

import json
import os
from pathlib import Path

from tests.rig import UPSTREAM
from tests.scope import ALL

FILE = Path(__file__).parents[2] / ".work" / "reliability.jsonl"


def record_in_all(table, *columns, bar=None):
    """Add one row to a table of this run, and hold its last column, the figure, to its bar: in `make all`, alone on its machine.

    The gate records nothing and holds no figure to a bar: beside other work the clock tells of the machine.
    """
    if not ALL:
        return
    FILE.parent.mkdir(parents=True, exist_ok=True)
    row = {
        "run": os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid())), "table": table,
        "row": [round(column, 1) if isinstance(column, float) else column for column in columns],
    }  # fmt: skip
    with FILE.open("a") as stream:
        stream.write(json.dumps(row) + "\n")
    assert bar is None or columns[-1] <= bar, f"{table}, {columns}: the bar is {bar}"


_HEAD = """# Reliability

Measured by `make reliability`, on a machine that does nothing else: real nodes (containerd, kubelet, kube-proxy), real RabbitMQ 4.3 and
nginx, and fakes of FogFlow's own programs (`tests/fakes`), which behave like them where it hurts, and prove nothing about
their code. Do not edit.

FogFlow *works* here means, asked from outside and without the keeper's word: one consumer on each of the three queues, the
worker listed by the master, the broker by discovery, each device's task running once, a new value of each device
reaching a subscriber outside the cluster and coming out of its task, for eight seconds without a break.

For comparison: the real programs with upstream's own chart come to 8/8 pods in 93 s and never run a task; after any restart of
RabbitMQ they stay disconnected, with every pod ready.

What a lost broker costs: the keeper puts back what it has seen there, and it observes every 2 s. An entity, a subscription or a new value
that is younger than that when the broker ends is lost: the device has to publish it again.

## On FogFlow's own programs

Run by hand on 2026-11-27 with programs built from FogFlow's public repository, on one real node, four devices and a subscriber outside;
not part of any test. After every row each task ran once, and no subscription led nowhere.

| what happened | upstream's worker | our worker |
|---|---|---|
| the designer was deleted | outputs go on; in order again after 14.3 s | no task restarted |
| the master was deleted | no output for 14.9 s | no output lost |
| the worker was killed | outputs go on; in order again after 12.0 s | no output lost |
| the worker hung | in order again after 32 s | listed again after 35 s, no task restarted |
| the broker was deleted | no output for 5.3 s | no output for 5.3 s |
| RabbitMQ was deleted | in order again after 14.2 s | not run |
| the master was deleted, three tasks by a service intent | all three after 12.7 s | all three go on |
| a function was deleted 0.7 s after the master was | its tasks are gone after 0.7 s | its tasks are gone after 49 s |
| a broker with 2 000 entities and 500 subscriptions was killed | one restore, all is there 1.0 s after its entities; no further restart | one restore, 0.5 s; no further restart |
| NGSIv1, NGSIv2 and NGSI-LD subscriptions, the broker was killed | all fields as before | all fields as before |
| 13 devices, room for 10 | told after 19 s; planned 77 s after four had left | not run |

## Recovery, in seconds, after one pod of a workload was lost

*deleted*: the pod, by the API. *killed*: every process of the container, by SIGKILL. *hung*: every process, by SIGSTOP.

| workload | deleted | killed | hung |
|---|---|---|---|
"""
WORKLOADS = ("discovery", "cloud-broker", "master", "cloud-worker", "designer", "rabbitmq", "nginx", "keeper")


_TABLES = {
    "bus": "Until all three consume again after RabbitMQ answered, in seconds",
    "start": "From nothing to working: when each is ready after the start of `deploy`, in seconds (p50 of 5)",
    "load": "Load on the reverse proxy (fake discovery behind it)",
    "balance": "Farthest share of a replica from the mean, in percent",
    "rollout": "A crashing image of nginx, rolled out under load",
    "node": "A node without power, with every component on it, tolerationSeconds 5",
    "edge": "An edge behind a bad link, upstream's kind of worker, in seconds",
    "keeper": "What the keeper costs",
    "ours": "With our own worker: until FogFlow works after one pod was lost, in seconds; no task pod was touched",
    "burst": "Our own worker under a burst of tasks",
    "sandbox": "The sandbox itself, in seconds",
}


_NOTES = {
    "start": (
        "`after RabbitMQ`: from RabbitMQ's own readiness to FogFlow working. Images are on the nodes. Upstream's chart, with the real",
        "programs: 93 s to 8/8 pods, and it never works.",
        "",
    ),
    "node": (
        "Detection, then tolerationSeconds, then a start. The sandbox detects in seconds; a stock control plane takes 40 to 50 s",
        "(`--node-monitor-grace-period`), the chart's tolerationSeconds are 60 and Kubernetes' own 300: about two minutes with this chart as",
        "it is, six with pods that say nothing. Of a node that is only drained, pods go at once.",
        "",
    ),
    "burst": (
        "The bar of 6 s for p99 is below what two cores need for as many plain pods, no matter which program creates them. Upstream's worker launches",
        f"{UPSTREAM} tasks a second, by its client's own limits.",
        "",
    ),
    "load": ("200 requests a second, each on a connection of its own or on kept ones.", ""),
}


def page():
    """docs/reliability.md of the newest figure of each kind."""
    newest = {}
    for line in FILE.read_text().splitlines():
        each = json.loads(line)
        newest[(each["table"], *each["row"][:-1])] = str(each["row"][-1])
    rows = [
        f"| {name} | "
        + " | ".join(str(newest.get(("recovery", name, how), "")) for how in ("deleted", "killed", "hung"))
        + " |"
        for name in WORKLOADS
    ]
    more = []
    for table, title in _TABLES.items():
        lines = [
            f"| {', '.join(map(str, what[1:]))} | {value} |"
            for what, value in sorted(newest.items())
            if what[0] == table
        ]
        more += ["", f"## {title}", "", *_NOTES.get(table, ()), "| | |", "|---|---|", *lines] if lines else []
    return _HEAD + "\n".join([*rows, *more]) + "\n"


if __name__ == "__main__":
    (Path(__file__).parents[2] / "docs" / "reliability.md").write_text(page())
