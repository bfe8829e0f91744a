"""Whether every pod of the release fits on a node, checked before anything is installed.

The pods of the rendered manifests are packed onto the nodes' free room, as the scheduler would place them. Where the cluster adds
nodes by itself, pods that fit on no node are only a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model import manifests
from fogflow_k8s.model.diagnosis.catalogue import Cause
from fogflow_k8s.model.kubernetes import Obj, labels_of, metadata_of, spec_of
from fogflow_k8s.model.placement.packing import BoundClaim, Pod, pack, rooms_of
from fogflow_k8s.model.placement.unschedulable import unschedulable_causes

_ALIVE = "status.phase!=Succeeded,status.phase!=Failed"
_KARPENTER = "karpenter.sh/nodepool"  # the label of a node that Karpenter made


def unschedulable(op: Operation, objects: Sequence[Obj]) -> tuple[Cause, ...]:
    """A cause for every pod of these manifests that fits on no node; a log line when a permission for this check is missing.

    The release's present pods do not count, as the new ones replace them. Raises ClusterError.
    """
    nodes = op.nodes
    if nodes is None:
        op.report.log("not checked whether the pods fit: no permission to list nodes")
        return ()
    try:
        running = op.cluster.list("Pod", fields=_ALIVE)
    except ClusterError as error:
        if error.status == 403:
            op.report.log("not checked whether the pods fit: no permission to list the pods of all namespaces")
            return ()
        raise
    rooms = rooms_of(nodes, (pod for pod in running if not _is_own(op, pod)))
    causes = unschedulable_causes(pack(_pods(op, objects), rooms), nodes, namespace=op.namespace)
    if causes and _adds_nodes(op, nodes):
        for each in causes:
            op.report.warn(f"{each.summary} at present; continuing, as the cluster adds nodes by itself")
        return ()
    return causes


def _is_own(op: Operation, pod: Obj) -> bool:
    mine = {"app.kubernetes.io/instance": op.release, "app.kubernetes.io/part-of": "fogflow"}
    return pod["metadata"].get("namespace") == op.namespace and mine.items() <= labels_of(pod).items()


def _pods(op: Operation, objects: Iterable[Obj]) -> list[Pod]:
    """A Pod for every replica of every workload. Hooks do not count: their pods run before or after the others."""
    found = []
    for obj in manifests.workloads(objects):
        spec = manifests.pod_spec(obj)
        metadata = metadata_of(obj["spec"].get("template") or {})
        pod = Pod(
            manifests.component_of(obj),
            f"{str(obj['kind']).lower()}/{obj['metadata']['name']}",
            spec,
            metadata.get("labels") or {},
            _volumes(op, spec),
        )
        count = int(obj["spec"].get("parallelism" if obj["kind"] == "Job" else "replicas", 1))
        found += [pod] * count
    return found


def _volumes(op: Operation, spec: Obj) -> tuple[BoundClaim, ...]:
    """The claims of a pod whose volumes exist and can be reached only from some nodes."""
    found = []
    for volume in spec.get("volumes") or []:
        claim = str((volume.get("persistentVolumeClaim") or {}).get("claimName") or "")
        if claim and (where := _where(op, claim)):
            found.append(BoundClaim(claim, where))
    return tuple(found)


def _where(op: Operation, claim: str) -> Obj | None:
    """The node selector of a claim's volume; None when every node can reach it, or it may not be read."""
    try:
        found = op.cluster.get("PersistentVolumeClaim", claim, op.namespace)
        name = str(spec_of(found or {}).get("volumeName") or "")
        volume = op.cluster.get("PersistentVolume", name) if name else None
    except ClusterError as error:
        if error.status == 403:
            op.report.log(
                f"not checked from which nodes the volume of claim {claim} can be reached: no permission to read it"
            )
            return None
        raise
    required: Obj | None = (spec_of(volume or {}).get("nodeAffinity") or {}).get("required")
    return required


def _adds_nodes(op: Operation, nodes: Sequence[Obj]) -> bool:
    """Whether the cluster adds nodes for unschedulable pods: it has Karpenter's label, or Cluster Autoscaler's report."""
    if any(_KARPENTER in labels_of(node) for node in nodes):
        return True
    try:
        return op.cluster.get("ConfigMap", "cluster-autoscaler-status", "kube-system") is not None
    except ClusterError as error:
        if error.status == 403:
            return False
        raise
