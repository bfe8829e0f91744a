"""Is there a node for every pod? Asked before anything is installed, with the pods as Helm renders them."""

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
    """A cause for every pod of these manifests that fits on no node; one line instead when we may not see what that takes.

    The release's own pods of before count as gone: the new ones replace them. Raises ClusterError.
    """
    nodes = op.nodes
    if nodes is None:
        op.report.log("not checked whether the pods fit: no right to list nodes")
        return ()
    try:
        running = op.cluster.list("Pod", fields=_ALIVE)
    except ClusterError as error:
        if error.status == 403:
            op.report.log("not checked whether the pods fit: no right to list the pods of all namespaces")
            return ()
        raise
    rooms = rooms_of(nodes, (pod for pod in running if not _is_own(op, pod)))
    causes = unschedulable_causes(pack(_pods(op, objects), rooms), nodes, namespace=op.namespace)
    if causes and _grows(op, nodes):
        for each in causes:
            op.report.warn(f"{each.summary} that is there now; going on, as the cluster makes nodes by itself")
        return ()
    return causes


def _is_own(op: Operation, pod: Obj) -> bool:
    mine = {"app.kubernetes.io/instance": op.release, "app.kubernetes.io/part-of": "fogflow"}
    return pod["metadata"].get("namespace") == op.namespace and mine.items() <= labels_of(pod).items()


def _pods(op: Operation, objects: Iterable[Obj]) -> list[Pod]:
    """A Pod for every replica of every workload (hooks are none: they are gone before or come after)."""
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
    """The claims of a pod that have a volume already which not every node can reach."""
    found = []
    for volume in spec.get("volumes") or []:
        claim = str((volume.get("persistentVolumeClaim") or {}).get("claimName") or "")
        if claim and (where := _where(op, claim)):
            found.append(BoundClaim(claim, where))
    return tuple(found)


def _where(op: Operation, claim: str) -> Obj | None:
    """The node selector of the volume behind a claim; None when any node will do, or we may not look."""
    try:
        found = op.cluster.get("PersistentVolumeClaim", claim, op.namespace)
        name = str(spec_of(found or {}).get("volumeName") or "")
        volume = op.cluster.get("PersistentVolume", name) if name else None
    except ClusterError as error:
        if error.status == 403:
            op.report.log(f"not checked from where the volume of claim {claim} can be reached: no right to read it")
            return None
        raise
    required: Obj | None = (spec_of(volume or {}).get("nodeAffinity") or {}).get("required")
    return required


def _grows(op: Operation, nodes: Sequence[Obj]) -> bool:
    """True when the cluster adds nodes for pods that find none: by Karpenter's label, or Cluster Autoscaler's report."""
    if any(_KARPENTER in labels_of(node) for node in nodes):
        return True
    try:
        return op.cluster.get("ConfigMap", "cluster-autoscaler-status", "kube-system") is not None
    except ClusterError as error:
        if error.status == 403:
            return False
        raise
