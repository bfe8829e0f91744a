"""Before the first write: helm and we mean the same cluster. Each reads the uid of one object, and the two are compared.

Both are told the same kubeconfig and context (`adapters/kubernetes/kubeconfig.py`); this is the proof, for whatever else may lead one
of them elsewhere: a wrapper called helm, a plug-in, a proxy.
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
    """An object of the cluster as we see it, and helm on its way to look at it."""

    name: str
    uid: str
    child: Child


def begin(op: Operation) -> Probe | None:
    """Let helm look for an object that we know; None where we may see nothing to know a cluster by. Raises ClusterError."""
    if op.cluster.uid:
        name, uid, found = "namespace kube-system", op.cluster.uid, ("Namespace", "", "kube-system")
    else:
        uid = _uid_in(op)
        name, found = f"ConfigMap {_ANYWHERE} of namespace {op.namespace}", ("ConfigMap", op.namespace, _ANYWHERE)
    return Probe(name, uid, op.helm.start_uid_lookup(asset("templates/identity"), *found)) if uid else None


def require_one_cluster(op: Operation, probe: Probe | None) -> None:
    """Raises Refused when helm sees another cluster than we do; whatever error keeps helm from looking."""
    if probe is None:
        op.report.log(
            "whether helm means the same cluster is not proved: no object may be read that tells clusters apart"
        )
        return
    seen = op.helm.read_uid(probe.child)
    if seen != probe.uid:
        says = f"has it as {seen}" if seen else "does not have it"
        raise Refused(
            f"helm means another cluster: {probe.name} is {probe.uid} in context {op.cluster.context}, and the cluster that helm is at {says}",
            hint=f"nothing was changed. What is {op.helm.binary}, and which plug-ins or variables lead it elsewhere? helm env",
        )


def _uid_in(op: Operation) -> str:
    try:
        found = op.cluster.get("ConfigMap", _ANYWHERE, op.namespace)
    except ClusterError as error:
        if error.status == 403:
            return ""
        raise
    return str(found["metadata"]["uid"]) if found else ""
