"""The wrong cluster is refused: which cluster a configuration was last deployed to, remembered on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.preconditions.ownership import Others
from fogflow_k8s.adapters import known_clusters
from fogflow_k8s.errors import Refused
from fogflow_k8s.model import manifests
from fogflow_k8s.model.release.breaking_changes import Loss


def require_same_cluster(
    op: Operation, *, config: Path | None, expect: str | None = None, allow_other: bool = False
) -> None:
    """Raises Refused when this configuration, namespace and release went to another cluster before (or not to `expect`).

    Two sandboxes of this machine may have the same one, as a cloud and its edge have: their contexts tell them apart.
    """
    uid = op.cluster.uid
    if expect and uid != expect:
        raise Refused(
            f"context {op.cluster.context} is cluster {uid or 'of unknown identity'}, not {expect}", hint="choose the right --context, or drop --expect-cluster"
        )  # fmt: skip
    known = known_clusters.load_known().get(_key(op, config), {})
    last, context = known.get("context", ""), op.cluster.context
    both = last != context and known_clusters.are_sandboxes(last, context)
    if uid and known.get("uid") not in (None, uid) and not allow_other and not both:
        raise Refused(
            f"this was last deployed to cluster {known['uid']} (context {last}); context {context} is {uid}",
            hint="choose the right --context, or say that you mean it: --allow-other-cluster",
        )


def require_same_kind(objects: Sequence[Mapping[str, Any]], *, edge: bool) -> None:
    """Raises Refused when a cloud would be made of an edge, or an edge of a cloud."""
    found = {manifests.component_of(o) for o in manifests.workloads(objects)}
    if found and ("edge-broker" in found) != edge:
        raise Refused(
            "this release is an edge, and would become a cloud"
            if not edge
            else "this release is a cloud, and would become an edge",
            hint="nothing was changed. Another namespace: -n NAME; an edge is brought up to date by fogflow-k8s edge join",
        )


def require_own(op: Operation, found: Others, *, take: bool, edge: bool) -> None:
    """Raises Refused when the release, or an object that it would make, belongs to another.

    Unless the user takes ownership (`take`), which `edge join` does not offer, and Kubernetes lets all of it be changed.
    """
    if refused := found.refusal(take=take, offer=not edge):
        refused.hint = f"nothing was changed. {refused.hint}"
        raise refused
    if found:
        op.report.warn(f"taking over: {found.says}")


def require_no_loss(found: Sequence[Loss], *, force: bool) -> None:
    """Raises Refused when the upgrade would lose something that nobody said may be lost."""
    if found and not force:
        raise Refused(
            "; ".join(loss.description for loss in found),
            hint=f"nothing was changed. To do it all the same: --force. Else: {'; '.join(loss.advice for loss in found)}",
        )


def remember(op: Operation, *, config: Path | None) -> None:
    """Note that this configuration lives on this cluster from now on; where that cannot be written, say so and go on."""
    if not op.cluster.uid:
        return
    known = known_clusters.load_known()
    known[_key(op, config)] = {"uid": op.cluster.uid, "context": op.cluster.context, "server": op.cluster.server}
    _save(op, known)


def forget(op: Operation) -> None:
    """Forget every configuration of this release on this cluster: it was uninstalled."""
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
            f"{known_clusters.file_path()} cannot be written ({error.strerror}): a deploy to another cluster by mistake will not"
            " be noticed; set FOGFLOW_K8S_STATE to a folder of yours"
        )


def _key(op: Operation, config: Path | None) -> str:
    """Of a configuration file: it belongs to one cluster. Without one only the context can be told: it may be made anew."""
    return f"{config.resolve() if config else f'context {op.cluster.context}'}|{op.namespace}|{op.release}"
