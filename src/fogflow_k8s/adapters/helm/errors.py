"""Typed errors for a failed helm command, one class per reaction that the user (or a caller) can have.

`classify` reads the messages that helm/messages.py extracted from Helm's output, and picks the class and the remedy.
A message that matches no pattern becomes an OperationFailed with Helm's own text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogflow_k8s.adapters.kubernetes.errors import namespace_terminating
from fogflow_k8s.errors import ClusterError, FogflowError, OperationFailed
from fogflow_k8s.model.diagnosis import admission_messages
from fogflow_k8s.model.diagnosis.admission_messages import Refusal
from fogflow_k8s.model.diagnosis.catalogue import cause

if TYPE_CHECKING:
    from fogflow_k8s.adapters.helm.client import Target
    from fogflow_k8s.adapters.helm.messages import Hook, Problem
    from fogflow_k8s.adapters.process import Completed


class ReleaseNotFound(FogflowError):
    """The release does not exist in this namespace."""


class ReleaseLocked(FogflowError):
    """Helm reports another operation in progress on the release."""


class HelmConflict(OperationFailed):
    """Another field manager owns a field that the release sets."""


class ObjectRefused(OperationFailed):
    """Admission refused an object of the release. `refusal` is the reason, `object` names the object (like `services "nginx"`)."""

    def __init__(self, refusal: Refusal, name: str, namespace: str) -> None:
        advice = cause(refusal.id, "release", name, "", namespace=namespace).advice[0]
        self.object = refusal.object or name
        self.refusal, self.id = refusal, refusal.id
        super().__init__(f"{refusal.about(self.object or 'the object')}: {refusal.words}", hint=advice)


class HookFailed(OperationFailed):
    """A hook of the release failed or did not finish in time."""

    def __init__(self, hook: Hook, words: str, namespace: str) -> None:
        what = f"describe {hook.kind.lower()} {hook.name}" if hook.name else "get jobs,pods,events"
        self.hook = hook
        super().__init__(f"{hook}: {words}", hint=f"kubectl -n {namespace} {what}")


def classify(done: Completed, target: Target) -> FogflowError:
    """Return the typed error of a failed helm command. Secrets in Helm's message are masked: it quotes refused values."""
    # not at the start of every command: its patterns take milliseconds to compile
    from fogflow_k8s.model.redaction.redactor import redact

    error = _error_for(done, target)
    error.message = redact(error.message)
    error.args = (error.message,)
    return error


def _error_for(done: Completed, target: Target) -> FogflowError:
    from fogflow_k8s.adapters.helm.messages import parse_problem  # as above

    found = parse_problem(done.stderr, done.stdout)
    killed = f"helm was killed by signal {-done.code}" if done.code < 0 else ""
    if found is None:
        message = killed or f"helm exited with code {done.code} and printed nothing"
        return OperationFailed(message, hint="fogflow-k8s history")
    if error := _release_error(found, target) or _cluster_error(found) or _object_error(found, target):
        return error
    if found.schema_violation:
        return FogflowError(
            f"the values do not match the chart's schema: {found.text}", hint="fogflow-k8s config validate", exit_code=2
        )
    return OperationFailed(f"{killed}: {found.text}" if killed else found.text, hint="fogflow-k8s history")


def _release_error(found: Problem, target: Target) -> FogflowError | None:
    if found.release_not_found:
        return ReleaseNotFound(f"release {target.release} does not exist in namespace {target.namespace}", exit_code=41)
    if found.locked:
        return ReleaseLocked(
            f"helm reports another operation on {target.release} in progress",
            hint="to repair the release: fogflow-k8s deploy",
            exit_code=50,
        )
    if found.conflict:
        return HelmConflict(found.text, hint="take the fields over: fogflow-k8s deploy --force-conflicts")
    return None


def _cluster_error(found: Problem) -> ClusterError | None:
    message = admission_messages.from_first(found.core)
    if namespace := admission_messages.ending_namespace(message):
        return namespace_terminating(namespace)
    if admission_messages.lacks_right(message):
        hint = "ask your cluster administrator for a Role that permits it; what you may do: kubectl auth can-i --list"
        return ClusterError(f"not allowed: {found.text}", hint=hint, status=403)
    if found.unauthorized:
        return ClusterError(
            f"the API server does not accept this user: {found.text}",
            hint="log in again, or use another context: kubectl config get-contexts",
            status=401,
        )
    if found.unreachable:
        return ClusterError(f"helm cannot reach the cluster: {found.text}", hint="kubectl cluster-info")
    return None


def _object_error(found: Problem, target: Target) -> OperationFailed | None:
    if refusal := admission_messages.refusal(admission_messages.from_first(found.core)):
        return ObjectRefused(refusal, found.object, target.namespace)
    if found.hook:
        return HookFailed(found.hook, found.core, target.namespace)
    return None
