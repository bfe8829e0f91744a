"""Small readers of manifests, and Pod Security's `restricted` profile as a checker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

OURS = "worker.implementation=native,worker.nativeImage.registry=localhost"
ACCEPTED = "broker.acceptNotificationLoops=true"
SEVERAL = f"broker.shards=3,worker.replicas=2,{ACCEPTED}"
ALLOWED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def pods(manifests: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and pod (or template of one) of everything that makes pods."""
    for each in manifests:
        if each["kind"] == "Pod":
            yield each["metadata"]["name"], each
        elif "template" in each.get("spec", {}):
            yield each["metadata"]["name"], each["spec"]["template"]


def of_kind(manifests: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """The manifests of a kind by name."""
    return {each["metadata"]["name"]: each for each in manifests if each["kind"] == kind}


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """All containers, init containers first."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def restricted(pod: dict[str, Any]) -> list[str]:
    """What Pod Security `restricted` (and our own read-only root) would object to."""
    spec, found = pod["spec"], []
    top = spec.get("securityContext", {})
    found += [key for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
    found += [f"volume {v['name']}" for v in spec.get("volumes", []) if not (v.keys() - {"name"}) <= ALLOWED_VOLUMES]
    if top.get("runAsNonRoot") is not True or top.get("runAsUser") == 0:
        found.append("may run as root")
    if top.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        found.append("no seccomp")
    for container in containers(pod):
        own, name = container.get("securityContext", {}), container["name"]
        if own.get("allowPrivilegeEscalation") is not False:
            found.append(f"{name}: escalation")
        if own.get("capabilities") != {"drop": ["ALL"]}:
            found.append(f"{name}: capabilities")
        if own.get("readOnlyRootFilesystem") is not True:
            found.append(f"{name}: writable root")
        if own.keys() & {"privileged", "runAsUser", "runAsNonRoot", "seccompProfile", "procMount"}:
            found.append(f"{name}: overrides the pod")
        found += [f"{name}: hostPort" for port in container.get("ports", []) if "hostPort" in port]
    return found
