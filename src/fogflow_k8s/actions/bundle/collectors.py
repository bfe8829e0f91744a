"""The collectors of a support archive: each reads one kind of evidence and writes it to its `CollectorOutput`.

Collectors are independent: each has its own share of the archive's size and time, and an error of one affects no other.
"""

from __future__ import annotations

import heapq
import json
import platform
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fogflow_k8s import __version__
from fogflow_k8s.actions.bundle.collector_output import CollectorOutput, Full
from fogflow_k8s.actions.known_secrets import SecretMask
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.adapters.kubernetes.client import NotFound
from fogflow_k8s.adapters.kubernetes.kubectl import client_version
from fogflow_k8s.adapters.process import Child
from fogflow_k8s.errors import ClusterError, FogflowError
from fogflow_k8s.model import manifests
from fogflow_k8s.model.diagnosis import health_report
from fogflow_k8s.model.kubernetes import status_of

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job")
NETWORK = ("Service", "EndpointSlice", "NetworkPolicy", "Ingress", "HTTPRoute")
LIMITS = ("ResourceQuota", "LimitRange", "PodDisruptionBudget", "PersistentVolumeClaim")
ACCESS = ("ServiceAccount", "Role", "RoleBinding")

LOG_LINES = 5000  # of each container, the newest
LOG_BYTES = 2 << 20
LOG_PODS = 500  # pods with problems first


@dataclass(frozen=True)
class Collector:
    """One part of the archive. `share`: of the archive's size; `blind`: without known secrets, only patterns can mask its files."""

    name: str
    collect: Callable[[CollectorOutput], None]
    share: float = 0.3
    seconds: float = 30.0
    blind: bool = False


def collectors(op: Operation, *, since_s: int, revisions: int, secret_mask: SecretMask) -> list[Collector]:
    """All collectors. Those whose objects a rollback removes come first."""
    instance = f"app.kubernetes.io/instance={op.release}"

    def kinds(
        name: str, wanted: Sequence[str], namespaces: Sequence[str] = op.namespaces, selector: str = ""
    ) -> Collector:
        return Collector(name, partial(_objects, op, wanted, namespaces, selector))

    return [
        kinds("pods", ("Pod",), (op.namespace,), instance),
        kinds("events", ("Event",)),
        Collector("logs", partial(_logs, op, op.namespace, instance, since_s), share=0.6, seconds=600, blind=True),
        kinds("workloads", WORKLOADS, (op.namespace,), instance),
        kinds("configmaps", ("ConfigMap",), (op.namespace,), instance),
        Collector("helm", partial(_helm, op, revisions)),
        Collector("release", partial(_release, op)),
        kinds("network", NETWORK),
        kinds("limits", LIMITS),
        kinds("access", ACCESS),
        Collector("secrets", partial(_secrets, secret_mask)),
        Collector("nodes", partial(_nodes, op)),
        kinds("tasks", ("Pod", *WORKLOADS, "ConfigMap"), (op.tasks_namespace,)),
        Collector("task-logs", partial(_logs, op, op.tasks_namespace, "", since_s), share=0.3, seconds=600, blind=True),
        Collector("versions", partial(_versions, op)),
    ]


def last_failure(op: Operation, folder: Path) -> Collector:
    """The collector of the newest archive that a failed deploy or rollback of this release saved in `folder`."""
    return Collector("last-failure", partial(_last_failure, op, folder))


def _objects(
    op: Operation, kinds: Sequence[str], namespaces: Sequence[str], selector: str, output: CollectorOutput
) -> None:
    for namespace in namespaces:
        for kind in kinds:
            with _tolerate_refusal(output, f"{kind} in {namespace}"):
                for number, page in enumerate(op.cluster.pages(kind, namespace, selector), start=1):
                    if page:
                        output.put(f"objects/{namespace}/{_file(kind, number)}.json", page)


def _file(kind: str, number: int) -> str:
    return kind.lower() + (f"-{number:03}" if number > 1 else "")


@contextmanager
def _tolerate_refusal(output: CollectorOutput, what: str) -> Iterator[None]:
    """Note a request that the server refuses in the index and go on. A kind that the server does not know is not noted.

    A server that does not answer ends the collector; every other request would fail in the same way.
    """
    try:
        yield
    except NotFound:
        return
    except ClusterError as error:
        if not error.status:
            raise
        output.note_gap(f"{what}: {error.message}")


def _secrets(secret_mask: SecretMask, output: CollectorOutput) -> None:
    if secret_mask.why:
        output.note_gap(secret_mask.why)
    if secret_mask.secrets:
        output.put("objects/secrets.json", secret_mask.secrets)


def _nodes(op: Operation, output: CollectorOutput) -> None:
    for number, page in enumerate(op.cluster.pages("Node"), start=1):
        output.put(f"nodes/{_file('nodes', number)}.json", [_without_images(node) for node in page])


def _without_images(node: Mapping[str, Any]) -> dict[str, Any]:
    return {**node, "status": {k: v for k, v in status_of(node).items() if k != "images"}}


def _release(op: Operation, output: CollectorOutput) -> None:
    for kind, name, file in (
        ("ConfigMap", op.own_name, "record"),
        ("ConfigMap", health_report.name_of(op.release), "health"),
        ("Lease", op.own_name, "lease"),
    ):
        with _tolerate_refusal(output, f"{kind} {name}"):
            if found := op.cluster.get(kind, name, op.namespace):
                output.put(f"release/{file}.json", found)


def _helm(op: Operation, revisions: int, output: CollectorOutput) -> None:
    asked, state = op.helm.start_history(), op.helm.start_status()
    history = json.loads(_text_of(op, asked, output))
    output.put("helm/history.json", history)
    status = json.loads(_text_of(op, state, output))
    info = {
        k: v for k, v in (status.get("info") or {}).items() if k != "resources"
    }  # other collectors have the live objects
    output.put("helm/status.json", {**{k: status.get(k) for k in ("name", "namespace", "version")}, "info": info})
    for number in sorted((int(r["revision"]) for r in history), reverse=True)[:revisions]:
        values, manifest = op.helm.start_values(number), op.helm.start_manifest(number)
        output.put(f"helm/values-{number}.json", json.loads(_text_of(op, values, output)) or {})
        output.put(f"helm/manifest-{number}.json", manifests.split(_text_of(op, manifest, output)))


def _text_of(op: Operation, child: Child, output: CollectorOutput) -> str:
    done = child.wait(max(output.left, 0))
    if done is None:
        child.kill()
        raise Full("helm did not answer in time")
    return op.helm.require_success(done).stdout


def _versions(op: Operation, output: CollectorOutput) -> None:
    facts: dict[str, str] = {
        "fogflow-k8s": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "encoding": sys.getfilesystemencoding(),
        "context": op.cluster.context,
        "server": op.cluster.server,
        "release": op.release,
        "namespace": op.namespace,
        "kubectl": client_version(op.helm.runner),
    }
    asked: dict[str, Callable[[], str]] = {
        "helm": lambda: ".".join(map(str, op.helm.version)),
        "kubernetes": lambda: op.cluster.version,
        "cluster": lambda: op.cluster.uid,
    }
    for name, ask in asked.items():
        try:
            facts[name] = ask()
        except FogflowError as error:
            output.note_gap(f"{name}: {error.message}")
    output.put("versions.json", facts)


def _logs(op: Operation, namespace: str, selector: str, since_s: int, output: CollectorOutput) -> None:
    pods = heapq.nsmallest(LOG_PODS, (_rank(p) for page in op.cluster.pages("Pod", namespace, selector) for p in page))
    for _, pod, containers in pods:
        for container, restarts, started in containers:
            for previous in (False, True) if restarts else (False,):
                if started or previous:
                    _log(op, namespace, pod, container, previous, since_s, output)


def _log(
    op: Operation, namespace: str, pod: str, container: str, previous: bool, since_s: int, output: CollectorOutput
) -> None:
    wanted: dict[str, Any] = {"previous": previous, "since_s": since_s, "limit": LOG_BYTES}
    file = f"logs/{namespace}/{pod}.{container}{'.previous' if previous else ''}.log"
    try:
        text = op.cluster.logs(namespace, pod, container, lines=LOG_LINES, **wanted)
        why = f"the newest {LOG_LINES} lines" if text.count("\n") >= LOG_LINES else ""
        if len(text.encode()) >= LOG_BYTES:  # the limit cuts off the end, which matters most: request fewer lines
            lines = max(1, text.count("\n") // 2)
            text = op.cluster.logs(namespace, pod, container, lines=lines, **wanted)
            why = f"the newest {lines} lines: they are long"
            if len(text.encode()) >= LOG_BYTES:
                text = text[: text.rfind("\n") + 1]  # half a line may hold half a secret, which no mask matches
    except ClusterError as error:
        output.note_gap(f"{file}: {error.message}")
        return
    output.put(file, text, truncated=why)


def _rank(pod: Mapping[str, Any]) -> tuple[int, str, tuple[tuple[str, int, bool], ...]]:
    """The rank of a pod (0: not ready, 1: ready after restarts, 2: no problem), its name, and its containers."""
    status = status_of(pod)
    found = list(_containers(status))
    calm = status.get("phase") == "Succeeded" or (
        found and all(s.get("ready") for s in status.get("containerStatuses") or [])
    )
    rank = 0 if not calm else (1 if any(restarts for _, restarts, _ in found) else 2)
    return rank, str(pod["metadata"]["name"]), tuple(found)


def _containers(status: Mapping[str, Any]) -> Iterator[tuple[str, int, bool]]:
    """Name, restarts, and whether the container has started: without that there is no log."""
    for each in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        yield (
            str(each["name"]),
            int(each.get("restartCount") or 0),
            "waiting" not in (each.get("state") or {"waiting": {}}),
        )


def _last_failure(op: Operation, folder: Path, output: CollectorOutput) -> None:
    for path in sorted(folder.glob(f"{op.release}-*.tar.gz"), reverse=True):
        try:
            with tarfile.open(path) as saved:
                texts = {m.name.partition("/")[2]: saved.extractfile(m).read().decode() for m in saved if m.isfile()}  # type: ignore[union-attr]
            facts = json.loads(texts["index.json"])
        except (OSError, tarfile.TarError, KeyError, ValueError) as error:
            output.note_gap(f"{path}: {error}")
            continue
        if (facts.get("namespace"), facts.get("server")) == (op.namespace, op.cluster.server):
            for name, text in texts.items():
                output.put(f"last-failure/{name}", text)
            return
