"""The IP families of the cluster's Services, and what they mean for FogFlow.

The chart needs to know whether its programs must listen on IPv6, and the upstream worker cannot address tasks by IPv6.
"""

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
    """The IP families of Services in this cluster, the default one first; empty when they cannot be read."""
    try:
        spec = spec_of(op.api_service)
    except ClusterError as error:
        if error.status == 403:
            return ()
        raise
    addresses = [str(ip) for ip in spec.get("clusterIPs") or [spec.get("clusterIP") or ""] if ip]
    return tuple(spec.get("ipFamilies") or [IPV6 if ":" in ip else "IPv4" for ip in addresses])


def with_family(op: Operation, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with `ipv6` set for this cluster, unless the user set it. Raises ClusterError."""
    if "ipv6" in values or IPV6 not in families(op):
        return dict(values)
    return {"ipv6": True, **values}


def unaddressable(op: Operation, objects: Sequence[Mapping[str, Any]]) -> list[Cause]:
    """A cause if the upstream worker would address its tasks by IPv6.

    It writes a Service's address into a URL without the brackets that IPv6 needs (worker/kubernetes.go), so no broker could
    call such a task.
    """
    workers = [o for o in workloads(objects) if component_of(o) in WORKERS]
    if not workers or all(map(keeps_tasks, workers)) or families(op)[:1] != (IPV6,):
        return []
    summary = (
        "Services of this cluster have IPv6 addresses, and the upstream worker writes them into URLs without brackets: "
        "its tasks would run but receive no data"
    )
    name = component_of(workers[0])
    return [cause("FK-7015", name, f"{workers[0]['kind'].lower()}/{name}", summary, namespace=op.namespace)]
