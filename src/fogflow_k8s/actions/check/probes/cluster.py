"""Probes of the cluster's state (nodes, clocks, storage), of other installations in it, and of the release itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fogflow_k8s.actions.check.probes import unless_forbidden
from fogflow_k8s.actions.observe import status
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.preconditions import address_families, capacity, references
from fogflow_k8s.actions.preconditions.ownership import ownership_conflicts
from fogflow_k8s.actions.release.prepare import Prepared
from fogflow_k8s.engine.checks import CheckOutcome
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model.diagnosis.catalogue import Cause
from fogflow_k8s.model.diagnosis.pod_status import is_away
from fogflow_k8s.model.diff.makers import maker_of, removals
from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.manifests import pod_spec
from fogflow_k8s.model.names import TASKS_SUFFIX

SKEW_S = (
    5.0  # certificates, tokens and the keeper's reports tolerate more, but logs of two machines become hard to compare
)
_LEASES = "kube-node-lease"
_RENEWED_S = 40.0  # a kubelet renews its Lease every 10 s; after 40 s the node counts as lost
_UPSTREAM = "fogflow/"


def nodes_ready(op: Operation) -> CheckOutcome:
    """Every node is ready."""
    if op.nodes is None:
        return CheckOutcome(None, "no permission to list nodes")
    away = [str(n["metadata"]["name"]) for n in op.nodes if is_away(n)]
    if away:
        return CheckOutcome(False, f"not ready: {', '.join(sorted(away)[:5])}", "kubectl describe node " + min(away))
    return CheckOutcome(True, f"{len(op.nodes)} nodes")


def pods_fit(op: Operation, objects: Sequence[Obj]) -> CheckOutcome:
    """Every pod fits on a node."""
    if op.nodes is None:
        return CheckOutcome(None, "no permission to list nodes")
    return _outcome_of(capacity.unschedulable(op, objects), "every pod fits")


def tasks_addressable(op: Operation, objects: Sequence[Obj]) -> CheckOutcome:
    """The worker can address its tasks with the IP family of this cluster's Services."""
    return _outcome_of(address_families.unaddressable(op, objects), "workers can address their tasks")


def nothing_missing(op: Operation, objects: Sequence[Obj], *, making: str | None) -> CheckOutcome:
    """The Secrets, ConfigMaps, keys, claims and classes that the manifests name exist. The deploy makes the Secret `making`."""
    return _outcome_of(references.missing(op, objects, making=making), "all referenced objects exist")


def storage(op: Operation, objects: Sequence[Obj]) -> CheckOutcome:
    """Claims have a StorageClass, their own or the default one. Without a claim, the designer's data are lost with its pod."""
    claims = [o for o in objects if o.get("kind") == "PersistentVolumeClaim"]
    default = references.default_storage_class(op)
    if not claims:
        hint = "" if not default else f"; a volume of the default StorageClass {default} could store them"
        return CheckOutcome(bool(not default), f"the designer's topologies are stored only in its pod and in the keeper{hint}", "--set designer.persistence.enabled=true")  # fmt: skip
    without = [o["metadata"]["name"] for o in claims if not o["spec"].get("storageClassName")]
    if without and not default:
        return CheckOutcome(False, f"claim {', '.join(without)} names no StorageClass, and the cluster has no default one", "kubectl get storageclass; then --set designer.persistence.storageClass=NAME")  # fmt: skip
    return CheckOutcome(True, f"{len(claims)} claim(s)" + (f", default StorageClass {default}" if default else ""))


def clocks(op: Operation) -> CheckOutcome:
    """This machine's clock agrees with the API server's, and so do the nodes' clocks, by the Leases that they renew."""
    server, ours = op.cluster.clock(), op.today()
    skew = (ours - server).total_seconds()
    if abs(skew) > SKEW_S:
        return CheckOutcome(False, f"this machine's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the API server's", "synchronise it: timedatectl set-ntp true")  # fmt: skip
    try:
        leases = op.cluster.list("Lease", _LEASES)
    except ClusterError as error:
        if error.status == 403:
            return CheckOutcome(True, f"this machine is {abs(skew):.0f} s off; no permission to read the nodes' clocks")
        raise
    wrong = []
    for lease in leases:
        renewed = datetime.fromisoformat(str(lease["spec"].get("renewTime") or server.isoformat()))
        ahead = (renewed - server).total_seconds()
        if ahead > SKEW_S or -ahead > _RENEWED_S + SKEW_S:
            wrong.append(f"{lease['metadata']['name']} ({ahead:+.0f} s)")
    if wrong:
        return CheckOutcome(
            False,
            f"clock wrong, or node lost: {', '.join(sorted(wrong)[:5])}",
            "synchronise the nodes' clocks by NTP; kubectl get nodes",
        )
    return CheckOutcome(True, f"{len(leases)} nodes and this machine within {SKEW_S:.0f} s")


def no_leftovers(op: Operation) -> CheckOutcome:
    """No other FogFlow, of the upstream chart or scripts, runs in the cluster."""
    found = unless_forbidden(
        lambda: op.cluster.list("Deployment", selector="app.kubernetes.io/part-of!=fogflow"),
        "no permission to list the Deployments of all namespaces",
    )
    theirs = [
        d
        for d in found
        if not str(d["metadata"].get("namespace")).endswith(TASKS_SUFFIX)
        and d["metadata"].get("namespace") != op.tasks_namespace
        and any(_UPSTREAM in str(c.get("image")) for c in pod_spec(d).get("containers") or [])
    ]
    if theirs:
        where = sorted({str(d["metadata"].get("namespace")) for d in theirs})
        first = [(maker_of(d), d) for d in theirs if d["metadata"].get("namespace") == where[0]]
        return CheckOutcome(False, f"another FogFlow runs in namespace {', '.join(where)}: both would use the same external IP, and the tasks of its worker stay when it is removed",
                     f"save its designer's db.json, then {'; '.join(removals(first))}")  # fmt: skip
    return CheckOutcome(True, "none")


def nothing_of_others(op: Operation, prepared: Prepared) -> CheckOutcome:
    """The release, and every object that it would make, is new or belongs to this chart. A deploy refuses anything else."""
    if refused := ownership_conflicts(op, prepared.objects, prepared.installed).refusal(
        take=prepared.request.take_ownership
    ):
        return CheckOutcome(False, refused.message, refused.hint)
    return CheckOutcome(True, "all are new or belong to this release")


def release_works(op: Operation) -> CheckOutcome:
    """The release works; the detail is its state in one word, and the first cause."""
    report = status.status(op)
    first = next(iter(report.assessment.causes), None)
    detail = report.state + (f": {first.id} {first.summary}" if first else "")
    health = report.assessment.health
    if report.state == "unverified" and not first:
        detail += f": {report.why_unchecked}"
    if report.state == "working" or (report.state == "unverified" and not (health and health.overdue)):
        return CheckOutcome(True, detail)
    return CheckOutcome(
        False, detail, first.advice[0] if first and first.advice else f"fogflow-k8s status --wait -n {op.namespace}"
    )


def _outcome_of(causes: Sequence[Cause], fine: str) -> CheckOutcome:
    if not causes:
        return CheckOutcome(True, fine)
    first = causes[0]
    more = f" (and {len(causes) - 1} more)" if len(causes) > 1 else ""
    return CheckOutcome(False, f"{first.id} {first.summary}{more}", first.advice[0] if first.advice else "")
