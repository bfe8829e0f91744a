"""Whether the API server accepts the release: schemas, admission policies, webhooks, quotas.

Every object, and one pod of each workload, is sent to the API server as a dry run, which checks it and stores nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fogflow_k8s.actions.check.probes import unless_forbidden
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.preconditions import permissions, quotas
from fogflow_k8s.actions.release.prepare import Prepared
from fogflow_k8s.adapters.kubernetes.client import Conflict, Invalid, NotFound
from fogflow_k8s.engine.checks import CheckOutcome
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model import manifests
from fogflow_k8s.model.kubernetes import Obj, metadata_of

_ABSENT = "namespace {} does not exist yet, so its policies and quotas are not known"


def objects_accepted(op: Operation, objects: Sequence[Obj]) -> CheckOutcome:
    """A server-side dry run of every object, as Helm would apply it. Objects in a namespace that does not exist are left out."""
    there = permissions.existing(op, objects)
    tried = [o for o in objects if o.get("kind") in manifests.RESOURCES and _where(op, o) in {"", *there}]
    with ThreadPoolExecutor(max_workers=8) as pool:
        refusals = list(filter(None, pool.map(lambda o: _refusal(op, o), tried)))
    if refusals:
        return CheckOutcome(
            False, "; ".join(refusals[:4]), "change the refused fields in your values, or the policy that refuses them"
        )
    left_out = len(objects) - len(tried)
    if not tried or op.namespace not in there:
        return CheckOutcome(None, _ABSENT.format(op.namespace))
    return CheckOutcome(
        True, f"{len(tried)} objects" + (f", {left_out} more in namespaces that do not exist yet" if left_out else "")
    )


def pods_accepted(op: Operation, objects: Sequence[Obj]) -> CheckOutcome:
    """A dry run of one pod of each workload: Pod Security, LimitRanges and many webhooks refuse pods, not their Deployments."""
    if not permissions.exists(op, op.namespace):
        return CheckOutcome(None, _ABSENT.format(op.namespace))
    pods = [_pod_of(o, op.namespace) for o in manifests.workloads(objects)]
    try:
        with ThreadPoolExecutor(max_workers=8) as pool:
            refusals = list(filter(None, pool.map(lambda p: _refusal(op, p, create=True), pods)))
    except ClusterError as error:
        if error.status == 403 and "cannot create resource" in error.message:
            return CheckOutcome(
                None, "no permission to create pods (a deploy does not need it: the controllers create them)"
            )
        raise
    if refusals:
        return CheckOutcome(False, "; ".join(refusals[:4]), f"kubectl -n {op.namespace} describe limitrange,resourcequota; kubectl get namespace {op.namespace} --show-labels")  # fmt: skip
    return CheckOutcome(True, f"one pod of each of {len(pods)} workloads")


def quota_suffices(op: Operation, prepared: Prepared) -> CheckOutcome:
    """All objects and pods together, and the pod of each hook, stay within the quotas of the release's namespaces."""
    found = unless_forbidden(
        lambda: quotas.shortfalls(
            op, prepared.objects, prepared.installed, making=prepared.making, hooks=prepared.hooks
        ),
        "no permission to list ResourceQuotas, LimitRanges and pods",
    )
    if found:
        first = min(found, key=lambda name: (name != op.namespace, name))
        lines = [line for each in found.values() for line in each]
        return CheckOutcome(
            False,
            "; ".join(lines),
            f"kubectl -n {first} describe resourcequota; raise it, or lower requests and replicas",
        )
    return CheckOutcome(True, "no quota applies, or all are large enough")


def _refusal(op: Operation, obj: Obj, *, create: bool = False) -> str:
    """Why the API server refuses an object; "" when it accepts it."""
    metadata = {**obj["metadata"], **({"namespace": where} if (where := _where(op, obj)) else {})}
    wanted = {**obj, "metadata": metadata}
    try:
        op.cluster.create(wanted, dry_run=True) if create else op.cluster.apply(wanted, manager="helm", dry_run=True)
    except (Invalid, Conflict, NotFound) as error:
        return f"{obj['kind']} {metadata['name']}: {error.message}"
    except ClusterError as error:
        if error.status not in {403, 500}:
            raise
        if create and "cannot create resource" in error.message:
            raise
        return "" if "cannot patch resource" in error.message else f"{obj['kind']} {metadata['name']}: {error.message}"
    return ""


def _where(op: Operation, obj: Obj) -> str:
    namespaced = manifests.RESOURCES[str(obj["kind"])][2] if obj.get("kind") in manifests.RESOURCES else True
    return str(metadata_of(obj).get("namespace") or op.namespace) if namespaced else ""


def _pod_of(workload: Obj, namespace: str) -> dict[str, Any]:
    """A pod as the workload's controller would make it, with the default ServiceAccount: its own may not exist yet."""
    template = workload["spec"]["template"]
    spec = {k: v for k, v in template["spec"].items() if k not in {"serviceAccountName", "serviceAccount"}}
    if workload["kind"] == "StatefulSet":  # its controller makes claims for each pod
        claims = workload["spec"].get("volumeClaimTemplates") or []
        volumes = [{"name": c["metadata"]["name"], "emptyDir": {}} for c in claims]
        spec = {**spec, "volumes": [*(spec.get("volumes") or []), *volumes]}
    metadata = {
        **metadata_of(template),
        "name": f"{workload['metadata']['name']}-check",
        "namespace": namespace,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
