"""Makes sure, before the first write, that helm and this program use the same cluster.

Both get the same kubeconfig and context (`adapters/kubernetes/kubeconfig.py`), but a wrapper named helm, a plug-in or a proxy
may lead helm to another cluster. So each reads the uid of the same object, and the two are compared.
"""

from __future__ import annotations

from dataclasses import dataclass

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.adapters.assets import asset
from fogflow_k8s.adapters.process import Child
from fogflow_k8s.errors import ClusterError, Refused

_ANYWHERE = "kube-root-ca.crt"  # a ConfigMap that Kubernetes puts into every namespace


@dataclass(frozen=True)
class Probe:
    """An object of the cluster with the uid that this program reads, and the helm process that reads it, too."""

    name: str
    uid: str
    child: Child


def begin(op: Operation) -> Probe | None:
    """Start helm to read an object's uid; None when no object that identifies the cluster may be read. Raises ClusterError."""
    if op.cluster.uid:
        name, uid, found = "namespace kube-system", op.cluster.uid, ("Namespace", "", "kube-system")
    else:
        uid = _uid_in(op)
        name, found = f"ConfigMap {_ANYWHERE} of namespace {op.namespace}", ("ConfigMap", op.namespace, _ANYWHERE)
    return Probe(name, uid, op.helm.start_uid_lookup(asset("templates/identity"), *found)) if uid else None


def require_one_cluster(op: Operation, probe: Probe | None) -> None:
    """Raises Refused when helm uses another cluster, and helm's typed errors."""
    if probe is None:
        op.report.log(
            "not checked whether helm uses the same cluster: no permission to read an object that identifies it"
        )
        return
    seen = op.helm.read_uid(probe.child)
    if seen != probe.uid:
        detail = f"has it as {seen}" if seen else "does not have it"
        raise Refused(
            f"helm uses another cluster: {probe.name} is {probe.uid} in context {op.cluster.context}, and the cluster that helm uses {detail}",
            hint=f"nothing was changed. Check {op.helm.binary}, its plug-ins and its variables: helm env",
        )


def _uid_in(op: Operation) -> str:
    try:
        found = op.cluster.get("ConfigMap", _ANYWHERE, op.namespace)
    except ClusterError as error:
        if error.status == 403:
            return ""
        raise
    return str(found["metadata"]["uid"]) if found else ""
