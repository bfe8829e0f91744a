"""Measures what the documents promise, as ratios within one run, and writes docs/benchmarks.md.

Machines are noisy: every figure stands beside another one of the same run. Nothing here is asserted.

    python -m tests.bench.run generator     the load generator's section alone
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from tests import documents, runs
from tests.bench import generator, worker

ROOT = Path(__file__).parents[2]
TOOL = str(ROOT / ".venv/bin/fogflow-k8s")
PAGE = ROOT / "docs/benchmarks.md"
GENERATOR = "## The load generator of `bench`"
NAME = "bench"
NAMESPACE = "fogflow"
TASKS = f"{NAMESPACE}-tasks"
# the chart's quota ends at 100 pods of tasks, the bench makes ten thousand
DEPLOY = [TOOL, "deploy", "--external-ip", "192.0.2.10", "--set", "tasks.quota.enabled=false"]
LABELS = {"app.kubernetes.io/part-of": "fogflow", "app.kubernetes.io/component": "task"}
ONE_LINE = "import typer; typer.run(lambda: None)"


def timed(argv, env, stdin=None):
    """Seconds and stdout of a program."""
    start = time.perf_counter()
    done = subprocess.run(argv, env=env, input=stdin, capture_output=True, text=True, check=False)
    took = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{argv}: {done.returncode}\n{done.stderr}")
    return took, done.stdout


def p50(argv, env, runs):
    """The median of several runs, in seconds; the first, which warms caches, is not counted."""
    timed(argv, env)
    return statistics.median(timed(argv, env)[0] for _ in range(runs))


def help_rows(env):
    """`--help` beside the smallest Typer program there is."""
    ours = p50([TOOL, "--help"], env, 15)
    theirs = p50([sys.executable, "-c", ONE_LINE, "--help"], env, 15)
    return [
        (
            "`--help`",
            f"{ours * 1000:.0f} ms",
            "one-line Typer program",
            f"{theirs * 1000:.0f} ms",
            f"{ours / theirs:.2f}",
            "<= 80 ms or 1.3 x",
        )
    ]


def deploy_rows(env, helm):
    """Our own time in an upgrade (all that is neither helm's upgrade nor waiting), and a deploy with nothing to do."""
    timed(DEPLOY, env)
    own, wall = [], []
    for i in range(8):
        took, out = timed(
            [*DEPLOY, "--set", f"config.worker.capacity={20 + i}", "-o", "json"],
            env,
        )
        took_by = documents.parse(out)["durations"]
        own.append(took - took_by["helmSeconds"] - took_by["waitSeconds"])
        wall.append(took_by["helmSeconds"])
    bare = []
    values = json.loads(
        subprocess.run(
            [helm, "get", "values", "fogflow", "-n", NAMESPACE, "-o", "json"],
            env=env,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    for i in range(5):
        values["config"]["worker"]["capacity"] = 40 + i
        argv = [helm, "upgrade", "--install", "fogflow", str(ROOT / "charts/fogflow-chart"), "-n", NAMESPACE, "-f", "-"]
        bare.append(timed(argv, env, json.dumps(values))[0])
    timed(DEPLOY, env)
    nothing = statistics.median(timed(DEPLOY, env)[0] for _ in range(5))
    mine, theirs = statistics.median(own), statistics.median(bare)
    return [
        (
            "our own time in an upgrade",
            f"{mine:.2f} s",
            "bare `helm upgrade --install`",
            f"{theirs:.2f} s",
            f"{mine / theirs:.2f}",
            "<= 0.5 s",
        ),
        (
            "deploy with nothing to do",
            f"{nothing:.2f} s",
            "bare `helm upgrade --install`",
            f"{theirs:.2f} s",
            f"{nothing / theirs:.2f}",
            "<= 3 s",
        ),
    ]


def status_rows(env, kubectl):
    """`status` beside kubectl's list of the same task pods."""
    rows, made = [], 0
    for count in (1000, 10_000):
        scale_tasks(env, kubectl, count)
        made = count
        ours = p50([TOOL, "status"], env, 5)
        selector = ",".join(f"{k}={v}" for k, v in LABELS.items())
        theirs = p50([kubectl, "get", "pods", "-n", TASKS, "-l", selector], env, 5)
        rows.append(
            (
                f"`status` over {made} task pods",
                f"{ours:.2f} s",
                "`kubectl get pods -l`",
                f"{theirs:.2f} s",
                f"{ours / theirs:.2f}",
                "<= 1.5 s and 1.0 x",
            )
        )
    return rows


def scale_tasks(env, kubectl, count):
    """That many running, simulated pods with the labels of FogFlow tasks, bound to their nodes beforehand.

    (The scheduler would need minutes for them, and is not what is measured.)
    """
    have = len(timed([kubectl, "get", "pods", "-n", TASKS, "-o", "name"], env)[1].splitlines())
    nodes = [n for n in timed([kubectl, "get", "nodes", "-o", "name"], env)[1].split() if "control-plane" not in n]
    for first in range(have, count, 500):
        items = [pod(i, nodes[i % len(nodes)].removeprefix("node/")) for i in range(first, min(first + 500, count))]
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        timed([kubectl, "create", "-f", "-"], env, document)
        print(f"  {first + len(items)} of {count} task pods made", file=sys.stderr)
    end = time.monotonic() + 900
    while (running := phases(env, kubectl).count("Running")) < count:
        print(f"  {running} of {count} task pods run", file=sys.stderr)
        if time.monotonic() > end:
            raise SystemExit("the task pods do not come up")
        time.sleep(5)


def phases(env, kubectl):
    """The phase of every task pod."""
    return timed([kubectl, "get", "pods", "-n", TASKS, "-o", "jsonpath={.items[*].status.phase}"], env)[1].split()


def pod(number, node):
    """One task pod."""
    spec = {
        "nodeName": node,
        "automountServiceAccountToken": False,
        "containers": [{"name": "task", "image": "example/task:1"}],
    }
    metadata = {"name": f"bench-{number}", "namespace": TASKS, "labels": LABELS}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def main():
    with runs.run() as folder:
        env = {
            **os.environ,
            "FOGFLOW_K8S_STATE": f"{folder}/state",
            "KUBECONFIG": f"{folder}/kubeconfig",
            "NO_COLOR": "1",
        }
        start = time.perf_counter()
        timed([TOOL, "sandbox", "up", "--name", NAME, "--nodes", "4", "--pods-per-node", "6000"], env)
        up = time.perf_counter() - start
        lines = timed([TOOL, "sandbox", "env", "--name", NAME], env)[1].splitlines()
        paths = {n: v.strip("'\"") for n, v in (line.removeprefix("export ").split("=", 1) for line in lines)}
        rows = help_rows(env) + deploy_rows(env, paths["HELM"]) + worker.rows(env, paths["KUBECTL"])
        rows += status_rows(env, paths["KUBECTL"])
    text = [
        "# Benchmarks", "",
        "Written by `make bench`; each row is one run on one machine, so read the ratio first. Simulated nodes (KWOK), real API server.", "",
        f"{where()}; `sandbox up` of 4 nodes took {up:.1f} s (bar: 15 s).", "",
        *table(rows),
    ]  # fmt: skip
    PAGE.write_text("\n".join(text))
    write_generator()


def write_generator():
    """The last section of the page, anew: minutes instead of an hour."""
    head = PAGE.read_text().split(f"\n{GENERATOR}\n")[0]
    text = [
        GENERATOR, "",
        "Fakes of broker and discovery on the same machine, no cluster: what the generator sees beside a plain client that sends the same "
        "requests. Nothing of this is a figure of FogFlow.", "",
        f"{where()}.", "", *table(generator.rows()),
    ]  # fmt: skip
    PAGE.write_text(f"{head}\n" + "\n".join(text))
    print(PAGE.read_text())


def where():
    """The day and the machine."""
    return f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()}"


def table(rows):
    """The lines of a table, and an empty one."""
    head = ["| what | ours | beside | theirs | ratio | bar |", "|---|---|---|---|---|---|"]
    return [*head, *("| " + " | ".join(row) + " |" for row in rows), ""]


if __name__ == "__main__":
    write_generator() if sys.argv[1:] == ["generator"] else main()
