"""`doctor`: find what is wrong with a release, and with --fix repair what can be repaired safely.

The inspections (inspections.py) return findings; some have a fix. Fixes run one at a time, each after it is announced and
agreed to. They never change Helm's history and never delete stored data.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

from fogflow_k8s.actions.doctor.inspections import Inspection, inspect_release, task_objects
from fogflow_k8s.actions.lock import hold_lease
from fogflow_k8s.actions.observe import status, track
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.preconditions import same_cluster
from fogflow_k8s.actions.release import rollout
from fogflow_k8s.actions.release.pending import pending_repair
from fogflow_k8s.actions.release.restart import restart
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import FogflowError
from fogflow_k8s.model.diagnosis import findings as diagnosis_findings
from fogflow_k8s.model.diagnosis.findings import PATIENCE_S, Finding, Fix

REMAINS = 40
_ORDER: tuple[Fix, ...] = ("roll-back", "delete-tasks", "restart-keeper", "restart")


@dataclass(frozen=True)
class Diagnosis:
    """The findings, fixed ones included, and what could not be checked."""

    release: str
    namespace: str
    context: str
    installed: bool
    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...] = ()

    @property
    def left(self) -> tuple[Finding, ...]:
        """The findings that are not fixed."""
        return tuple(f for f in self.findings if not f.fixed)

    @property
    def exit_code(self) -> int:
        """0, or 40 when findings remain."""
        return REMAINS if self.left else 0


def examine(op: Operation) -> Diagnosis:
    """Find everything that is wrong. Changes nothing."""
    found = inspect_release(op)
    return _diagnosis(op, found, found.findings)


def fix_findings(op: Operation, agree: Callable[[Finding], bool], *, timeout_s: float) -> Diagnosis:
    """Fix what can be fixed safely: each kind of fix once, if `agree` returns True for its finding. A fix that fails is a warning."""
    first = now = inspect_release(op)
    for fix in _ORDER:
        found = next((f for f in now.findings if f.fix == fix), None)
        if found is None or now.busy or not agree(found):
            continue
        op.report.step(f"{found.cause.id} {found.cause.object}: {found.action}")
        try:
            _STEPS[fix](op, timeout_s)
        except FogflowError as error:
            op.report.warn(op.mask(f"the fix failed: {error.message}"))
        now = inspect_release(op)
    return _diagnosis(op, now, diagnosis_findings.with_fixed(first.findings, now.findings))


def _diagnosis(op: Operation, last: Inspection, findings: list[Finding]) -> Diagnosis:
    return Diagnosis(
        op.release,
        op.namespace,
        op.cluster.context,
        last.installed is not None,
        tuple(findings),
        tuple(last.unchecked),
    )


def _roll_back(op: Operation, timeout_s: float) -> None:
    """Roll back a release that an interrupted operation left pending. Raises Refused when that would lose data."""
    same_cluster.require_one_cluster(op, same_cluster.begin(op))
    with hold_lease(op) as lease:
        # read again, now that the Lease excludes other operations
        if plan := pending_repair(op, status.installed(op)):
            plan.require_no_loss(force=False)
            rollout.go_back(
                op, plan.revision, rollout.Stopwatch(op), timeout_s=timeout_s, lease=lease, installed=plan.installed.objects, objects=plan.objects
            )  # fmt: skip


def _delete_tasks(op: Operation, timeout_s: float) -> None:
    with hold_lease(op) if status.installed(op) else nullcontext():  # a deploy in progress may start a worker
        objects = task_objects(op)  # again: a worker may run by now
        for obj in objects:
            op.cluster.delete(str(obj["kind"]), str(obj["metadata"]["name"]), op.tasks_namespace)
        try:
            wait_for("the removal of the tasks", lambda: task_objects(op), lambda left: not left, timeout_s=timeout_s, every_s=0.5, clock=op.clock)  # fmt: skip
        except WaitTimeout as error:
            raise FogflowError(str(error)) from error


def _restart_keeper(op: Operation, timeout_s: float) -> None:
    restart(op, ("keeper",), timeout_s=timeout_s)


def _restart_all(op: Operation, timeout_s: float) -> None:
    """Restart FogFlow, unless the keeper repairs it first: it restarts less, so fewer messages are lost."""
    found = status.installed(op)
    expected = found.expected if found else []
    try:
        wait_for(
            "the keeper's repair", lambda: track.observe(op, expected), lambda seen: seen.works, timeout_s=PATIENCE_S, clock=op.clock
        )  # fmt: skip
    except WaitTimeout:
        restart(op, (), timeout_s=timeout_s)


_STEPS: dict[Fix, Callable[[Operation, float], None]] = {
    "roll-back": _roll_back,
    "delete-tasks": _delete_tasks,
    "restart-keeper": _restart_keeper,
    "restart": _restart_all,
}
