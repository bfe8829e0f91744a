"""The ports that the release claims outside of the pod network, and the Services of others that already have them.

Two Services cannot have the same port of one external IP: kube-proxy sends its connections to only one of them. The API server
refuses a node port that is taken, but it accepts such an external IP.
"""

from __future__ import annotations

from collections.abc import Sequence

from fogflow_k8s.actions.operation import Operation, or_if_forbidden
from fogflow_k8s.model.diagnosis.catalogue import Cause, cause
from fogflow_k8s.model.kubernetes import Obj, spec_of


def claims(objects: Sequence[Obj]) -> dict[str, str]:
    """The external ports of the release's Services, as ADDRESS:PORT or `node port N`, each with the name of its Service."""
    return {key: str(o["metadata"]["name"]) for o in objects if o.get("kind") == "Service" for key in _claims(o)}


def taken(op: Operation, objects: Sequence[Obj]) -> list[str]:
    """One line for each external port that another Service has: `PORT by Service NAMESPACE/NAME`. Raises ClusterError."""
    if not (mine := claims(objects)):
        return []
    found = []
    for other in op.cluster.list("Service"):
        namespace, name = other["metadata"].get("namespace"), other["metadata"]["name"]
        if namespace == op.namespace and name in mine.values():
            continue
        found += [f"{key} by Service {namespace}/{name}" for key in _claims(other) if key in mine]
    return sorted(found)


def conflicts(op: Operation, objects: Sequence[Obj]) -> list[Cause]:
    """A cause if another Service has an external port of the release; none without the permission to list all Services."""

    def unchecked() -> list[str]:
        op.report.log(
            "not checked whether the external ports are free: no permission to list the Services of all namespaces"
        )
        return []

    found = or_if_forbidden(lambda: taken(op, objects), unchecked)
    if not found:
        return []
    summary = f"taken: {', '.join(found)}"
    return [cause("FK-7017", "nginx", "service/nginx", summary, namespace=op.namespace)]


def _claims(service: Obj) -> list[str]:
    spec = spec_of(service)
    ports = spec.get("ports") or []
    outside = [f"{ip}:{port.get('port')}" for ip in spec.get("externalIPs") or [] for port in ports]
    return outside + [f"node port {port['nodePort']}" for port in ports if port.get("nodePort")]
