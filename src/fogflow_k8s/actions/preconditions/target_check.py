"""Refuses a deploy to the wrong cluster or over the wrong release.

This machine remembers to which cluster each configuration was last deployed (adapters/known_clusters.py). Other mistakes are
refused as well: a cloud over an edge, a release of another chart, an upgrade that would lose data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.preconditions.ownership import OwnershipConflicts
from fogflow_k8s.adapters import known_clusters
from fogflow_k8s.errors import Refused
from fogflow_k8s.model import manifests
from fogflow_k8s.model.release.breaking_changes import Loss


def require_same_cluster(
    op: Operation, *, config: Path | None, expect: str | None = None, allow_other: bool = False
) -> None:
    """Raises Refused when this configuration was last deployed to another cluster, or the cluster is not `expect`.

    Two sandboxes of this machine may have the same configuration, as a cloud and its edge do: their contexts differ.
    """
    uid = op.cluster.uid
    if expect and uid != expect:
        raise Refused(
            f"context {op.cluster.context} is cluster {uid or 'of unknown identity'}, not {expect}", hint="choose another --context, or remove --expect-cluster"
        )  # fmt: skip
    known = known_clusters.load_known().get(_key(op, config), {})
    last, context = known.get("context", ""), op.cluster.context
    both = last != context and known_clusters.are_sandboxes(last, context)
    if uid and known.get("uid") not in (None, uid) and not allow_other and not both:
        raise Refused(
            f"this was last deployed to cluster {known['uid']} (context {last}); context {context} is {uid}",
            hint="choose another --context; or, to deploy here: --allow-other-cluster",
        )


def require_same_kind(objects: Sequence[Mapping[str, Any]], *, edge: bool) -> None:
    """Raises Refused when an edge would become a cloud, or a cloud an edge."""
    found = {manifests.component_of(o) for o in manifests.workloads(objects)}
    if found and ("edge-broker" in found) != edge:
        raise Refused(
            "this release is an edge, and would become a cloud"
            if not edge
            else "this release is a cloud, and would become an edge",
            hint="nothing was changed. Use another namespace: -n NAME; to update an edge: fogflow-k8s edge join",
        )


def require_own(op: Operation, found: OwnershipConflicts, *, take: bool, edge: bool) -> None:
    """Raises Refused when the release, or an object that it would make, belongs to another owner.

    Not if the user takes ownership (`take`), which `edge join` does not offer, and Kubernetes allows every change.
    """
    if refused := found.refusal(take=take, offer=not edge):
        refused.hint = f"nothing was changed. {refused.hint}"
        raise refused
    if found:
        op.report.warn(f"taking over: {found.description}")


def require_no_loss(found: Sequence[Loss], *, force: bool) -> None:
    """Raises Refused when the upgrade would lose data and `force` is not set."""
    if found and not force:
        raise Refused(
            "; ".join(loss.description for loss in found),
            hint=f"nothing was changed. To accept the loss: --force. Otherwise: {'; '.join(loss.advice for loss in found)}",
        )


def remember(op: Operation, *, config: Path | None) -> None:
    """Remember that this configuration is deployed to this cluster. A file that cannot be written is only a warning."""
    if not op.cluster.uid:
        return
    known = known_clusters.load_known()
    known[_key(op, config)] = {"uid": op.cluster.uid, "context": op.cluster.context, "server": op.cluster.server}
    _save(op, known)


def forget(op: Operation) -> None:
    """Forget every configuration of this release on this cluster, after an uninstall."""
    known = known_clusters.load_known()
    ours = f"|{op.namespace}|{op.release}"
    kept = {k: v for k, v in known.items() if not (k.endswith(ours) and v.get("uid") == op.cluster.uid)}
    if kept != known:
        _save(op, kept)


def _save(op: Operation, known: known_clusters.KnownClusters) -> None:
    try:
        known_clusters.save_known(known)
    except OSError as error:
        op.report.warn(
            f"cannot write {known_clusters.file_path()} ({error.strerror}): a later deploy to another cluster by mistake will not"
            " be refused; set FOGFLOW_K8S_STATE to a folder that you can write"
        )


def _key(op: Operation, config: Path | None) -> str:
    """The key of a configuration: its file, or the context when it has no file; with namespace and release."""
    return f"{config.resolve() if config else f'context {op.cluster.context}'}|{op.namespace}|{op.release}"
