"""Our worker with a thousand tasks on simulated nodes, with a real API server and a real RabbitMQ.

python -m tests.bench.worker       prints the rows; `make bench` has them in docs/benchmarks.md
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fogflow_k8s.model.task.manifests import TaskEnvironment, deployment, service
from fogflow_k8s.worker.kube import KubeClient
from fogflow_k8s.worker.message_bus import PREFETCH
from tests.rig import UPSTREAM, Rig, until
from tests.unit.worker.world import record, task

TOOL = str(Path(__file__).parents[2] / ".venv/bin/fogflow-k8s")
NAMESPACE, COUNT = "bench-worker", 1000
PLAIN_NAMESPACE, PLAIN = "bench-plain", 300


def rows(env, kubectl):
    """Rate of a burst, restart after SIGKILL, a broker and a bus that come back: each with nothing lost."""
    plain = _plain(env, kubectl)
    subprocess.run([kubectl, "create", "namespace", NAMESPACE], env=env, check=True, capture_output=True)
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(folder, env, NAMESPACE, capacity=2 * COUNT)
        try:
            rig.start()
            return _rows(rig, env, kubectl, plain)
        finally:
            rig.stop()
            subprocess.run([kubectl, "delete", "namespace", NAMESPACE], env=env, check=True, capture_output=True)


def _plain(env, kubectl):
    """Without any worker: Deployments that this cluster takes in a second, and, their Services made, has available in a second."""
    subprocess.run([kubectl, "create", "namespace", PLAIN_NAMESPACE], env=env, check=True, capture_output=True)
    environment = TaskEnvironment("Worker.001", PLAIN_NAMESPACE, "http://broker:8070/ngsi10")
    records = [record(task(f"Task.plain.p.{n}", [f"Device.{n}"]), n) for n in range(PLAIN)]

    async def make():
        kube, gate = await KubeClient.connect(PLAIN_NAMESPACE, env["KUBECONFIG"]), asyncio.Semaphore(PREFETCH)

        async def create(kind, body):
            async with gate:
                await kube.create(kind, body)

        start = time.monotonic()
        try:
            await asyncio.gather(*(create("deployments", deployment(r, environment, active=True)) for r in records))
            taken_s = time.monotonic() - start
            await asyncio.gather(*(create("services", service(r, environment)) for r in records))
        finally:
            await kube.close()
        return start, taken_s

    try:
        start, taken_s = asyncio.run(make())
        available = (kubectl, env, PLAIN_NAMESPACE, "deployments", "status.availableReplicas")
        until(lambda: len(_each(*available)) == PLAIN, "all are available", 600)
        return PLAIN / taken_s, PLAIN / (time.monotonic() - start)
    finally:
        subprocess.run([kubectl, "delete", "namespace", PLAIN_NAMESPACE], env=env, check=True, capture_output=True)


def _rows(rig, env, kubectl, plain):
    taken, available = plain
    rig.start_worker()
    start = time.monotonic()
    rig.master.say("ADD_TASK", *(task(f"Task.bench.b.{n}", [f"Device.{n}"]) for n in range(COUNT)))
    until(lambda: len(rig.master.states()) == COUNT, "all are kept", 600)
    kept = COUNT / (time.monotonic() - start)
    until(lambda: set(rig.master.states().values()) == {"running"}, "all run", 1800)
    took = time.monotonic() - start
    before = _pods(kubectl, env)
    rig.kill("worker")
    rig.start_worker()
    read = [line["took_s"] for line in rig.lines() if line["event"] == "tasks read"][-1]
    rig.kill("broker")
    rig.start_program("broker")
    start = time.monotonic()
    until(lambda: len(rig.told()) == COUNT, "all subscriptions are back", 300)
    told = time.monotonic() - start
    rig.rabbit.kill()
    rig.rabbit.start()
    start, heard = time.monotonic(), rig.count("consuming")
    until(lambda: rig.count("consuming") > heard, "it consumes again")
    back = time.monotonic() - start
    same = _pods(kubectl, env) == before
    return [
        (f"tasks kept per second, burst of {COUNT}", f"{kept:.0f}", "upstream's worker", str(UPSTREAM), f"{kept / UPSTREAM:.0f}", ">= 100"),
        ("the same", f"{kept:.0f}", f"a client that only makes {PLAIN} such Deployments", f"{taken:.0f}", f"{kept / taken:.2f}", ""),
        (f"{COUNT} tasks running and subscribed", f"{took:.0f} s", "upstream's worker", f"{COUNT / UPSTREAM:.0f} s", f"{took * UPSTREAM / COUNT:.2f}", ""),
        ("of them in a second", f"{COUNT / took:.1f}", f"{PLAIN} Deployments and Services, made at once, available", f"{available:.1f}", f"{COUNT / took / available:.2f}", ""),
        (f"state of {COUNT} tasks read after SIGKILL", f"{read:.2f} s", "upstream's worker", "never", "", "<= 5 s"),
        (f"{COUNT} subscriptions back after the broker's restart", f"{told:.1f} s", "upstream's worker", "never", "", "<= 10 s"),
        ("consuming again after RabbitMQ is back", f"{back:.1f} s", "upstream's worker", "never", "", "<= 15 s"),
        ("task pods touched by all that", "0" if same else "some", "upstream's worker", "all", "", "0"),
    ]  # fmt: skip


def _pods(kubectl, env):
    return set(_each(kubectl, env, NAMESPACE, "pods", "metadata.uid"))


def _each(kubectl, env, namespace, kind, field):
    """That field of each object that has it."""
    argv = [kubectl, "get", kind, "-n", namespace, "-o", f"jsonpath={{.items[*].{field}}}"]
    return subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout.split()


def main():
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "FOGFLOW_K8S_STATE": f"{folder}/state", "KUBECONFIG": f"{folder}/kubeconfig"}
        try:
            subprocess.run(
                [TOOL, "sandbox", "up", "--name", "bench", "--nodes", "4", "--pods-per-node", "600"],
                env=env,
                check=True,
            )
            said = subprocess.run(
                [TOOL, "sandbox", "env", "--name", "bench"], env=env, capture_output=True, text=True, check=True
            ).stdout
            kubectl = next(line.split("=", 1)[1].strip("'\"") for line in said.splitlines() if "KUBECTL=" in line)
            print(json.dumps(rows(env, kubectl), indent=1))
        finally:
            subprocess.run([TOOL, "sandbox", "down", "--name", "bench"], env=env, check=False, stdout=sys.stderr)


if __name__ == "__main__":
    main()
