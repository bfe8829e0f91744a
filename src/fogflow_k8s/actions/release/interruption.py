"""The error for Ctrl-C in a deploy or rollback: in which state the release is, and the next commands.

What helm did is not derived from the moment of Ctrl-C but read from the cluster afterwards, since helm may have made a
revision in its last moment.
"""

from __future__ import annotations

from collections.abc import Sequence

from fogflow_k8s.actions.observe import status
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.release.deployment import Deployment
from fogflow_k8s.errors import FogflowError, Interrupted
from fogflow_k8s.model.release.breaking_changes import Loss


def deploy_interrupted(work: Deployment) -> Interrupted:
    """The error for Ctrl-C in a deploy after its preparation."""
    namespace, before = work.op.namespace, work.revision_before
    return interrupted(
        work.op,
        before=before,
        helm_started=work.helm_started,
        losses=work.prepared.losses,
        again=f"to complete it: deploy again (-n {namespace})",
        back=f"; to roll back: fogflow-k8s rollback {before} -n {namespace}" if before else "",
    )


def interrupted(
    op: Operation, *, before: int, helm_started: bool, losses: Sequence[Loss], again: str, back: str = ""
) -> Interrupted:
    """The error for Ctrl-C. `before`: the newest revision when the command began, 0 for none or when nothing was begun.

    `losses`: those of the change; a workload that it replaces is deleted before helm is started. `again` is the hint how to
    complete the change, `back` the hint how to undo it.
    """
    try:
        found = status.installed(op)
        deleted = [
            f"{loss.kind} {loss.component}"
            for loss in losses
            if loss.replaced and op.cluster.get(loss.kind, loss.component, op.namespace) is None
        ]
    except FogflowError as error:
        return Interrupted(
            f"interrupted: its state is unknown ({error.message})", hint=f"fogflow-k8s status -n {op.namespace}"
        )
    lost = f", but {', '.join(deleted)} was deleted for the change" if found and deleted else ""
    if not helm_started:
        state = f"revision {found.newest.number} stays as it is" if found else "nothing is installed"
        return Interrupted(f"interrupted before helm was started: {state}{lost}", hint=again)
    if found is None or found.newest.number <= before:
        state = f"revision {before} stays" if found else "nothing is installed"
        return Interrupted(f"interrupted: helm was stopped before it made a revision, {state}{lost}", hint=again)
    newest = found.newest
    if newest.status == "deployed":
        wait = f"to wait for it: fogflow-k8s status --wait -n {op.namespace}"
        return Interrupted(
            f"interrupted: revision {newest.number} is deployed; the rollout continues in the cluster", hint=wait + back
        )
    state = f"revision {newest.number} is {newest.status}: helm was stopped, and the cluster may have a part of it"
    return Interrupted(f"interrupted: {state}", hint=again + back)
