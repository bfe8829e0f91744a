"""Which family of addresses the cluster's Services and pods have, and what follows for FogFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model.components import WORKERS
from fogflow_k8s.model.diagnosis.catalogue import Cause, cause
from fogflow_k8s.model.kubernetes import spec_of
from fogflow_k8s.model.manifests import component_of, keeps_tasks, workloads

IPV6 = "IPv6"


def families(op: Operation) -> tuple[str, ...]:
    """IPv4 and IPv6, as far as Services of this cluster have them, the usual one first; none when they cannot be seen."""
    try:
        spec = spec_of(op.api_service)
    except ClusterError as error:
        if error.status == 403:
            return ()
        raise
    addresses = [str(ip) for ip in spec.get("clusterIPs") or [spec.get("clusterIP") or ""] if ip]
    return tuple(spec.get("ipFamilies") or [IPV6 if ":" in ip else "IPv4" for ip in addresses])


def with_family(op: Operation, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with `ipv6`, unless the user said it. Raises ClusterError."""
    if "ipv6" in values or IPV6 not in families(op):
        return dict(values)
    return {"ipv6": True, **values}


def unaddressable(op: Operation, objects: Sequence[Mapping[str, Any]]) -> list[Cause]:
    """A cause where upstream's worker would name its tasks by addresses of IPv6.

    It puts a Service's address before the port as it is, without the brackets that a URL needs (worker/kubernetes.go): no
    broker could call such a task.
    """
    workers = [o for o in workloads(objects) if component_of(o) in WORKERS]
    if not workers or all(map(keeps_tasks, workers)) or families(op)[:1] != (IPV6,):
        return []
    says = (
        "Services of this cluster have addresses of IPv6, and upstream's worker puts them into URLs without brackets: "
        "its tasks would run and never be told anything"
    )
    name = component_of(workers[0])
    return [cause("FK-7015", name, f"{workers[0]['kind'].lower()}/{name}", says, namespace=op.namespace)]
