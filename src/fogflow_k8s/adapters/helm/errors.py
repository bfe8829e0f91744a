"""The typed errors behind a Helm that failed: one class per reaction of the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogflow_k8s.adapters.helm.words import Hook, Problem, problem
from fogflow_k8s.adapters.kubernetes.errors import terminating
from fogflow_k8s.errors import ClusterError, FogflowError, OperationFailed
from fogflow_k8s.model.diagnosis import admission_words
from fogflow_k8s.model.diagnosis.admission_words import Refusal
from fogflow_k8s.model.diagnosis.catalogue import cause
from fogflow_k8s.model.redaction.redactor import redact

if TYPE_CHECKING:
    from fogflow_k8s.adapters.helm.client import Target
    from fogflow_k8s.adapters.process import Completed


class ReleaseNotFound(FogflowError):
    """Helm knows no release of that name here."""


class ReleaseLocked(FogflowError):
    """Helm believes that another operation is in progress."""


class HelmConflict(OperationFailed):
    """Another field manager owns a field that the release sets."""


class ObjectRefused(OperationFailed):
    """Admission does not let an object of the release in. `refusal` says why, `object` which one (like `services "nginx"`)."""

    def __init__(self, refusal: Refusal, name: str, namespace: str) -> None:
        advice = cause(refusal.id, "release", name, "", namespace=namespace).advice[0]
        self.object = refusal.object or name
        self.refusal, self.id = refusal, refusal.id
        super().__init__(f"{refusal.about(self.object or 'the object')}: {refusal.words}", hint=advice)


class HookFailed(OperationFailed):
    """A hook of the release failed or did not end in time."""

    def __init__(self, hook: Hook, words: str, namespace: str) -> None:
        what = f"describe {hook.kind.lower()} {hook.name}" if hook.name else "get jobs,pods,events"
        self.hook = hook
        super().__init__(f"{hook}: {words}", hint=f"kubectl -n {namespace} {what}")


def classify(done: Completed, target: Target) -> FogflowError:
    """The typed error behind a Helm that failed, with Helm's own words but for secrets: it repeats values that are refused."""
    error = _classified(done, target)
    error.message = redact(error.message)
    error.args = (error.message,)
    return error


def _classified(done: Completed, target: Target) -> FogflowError:
    found = problem(done.stderr, done.stdout)
    killed = f"helm was killed by signal {-done.code}" if done.code < 0 else ""
    if found is None:
        said = killed or f"helm ended with exit code {done.code} and wrote nothing"
        return OperationFailed(said, hint="fogflow-k8s history")
    if error := _of_release(found, target) or _of_cluster(found) or _of_object(found, target):
        return error
    if found.bad_values:
        return FogflowError(
            f"the chart refuses the values: {found.text}", hint="fogflow-k8s config validate", exit_code=2
        )
    return OperationFailed(f"{killed}: {found.text}" if killed else found.text, hint="fogflow-k8s history")


def _of_release(found: Problem, target: Target) -> FogflowError | None:
    if found.no_release:
        return ReleaseNotFound(f"release {target.release} does not exist in namespace {target.namespace}", exit_code=41)
    if found.locked:
        return ReleaseLocked(
            f"helm says another operation on {target.release} is in progress",
            hint="fogflow-k8s deploy repairs it",
            exit_code=50,
        )
    if found.conflict:
        return HelmConflict(found.text, hint="take the fields over: fogflow-k8s deploy --force-conflicts")
    return None


def _of_cluster(found: Problem) -> ClusterError | None:
    said = admission_words.from_first(found.core)
    if namespace := admission_words.ending_namespace(said):
        return terminating(namespace)
    if admission_words.lacks_right(said):
        hint = "ask for a Role that permits it in this namespace"
        return ClusterError(f"not allowed: {found.text}", hint=hint, status=403)
    if found.no_login:
        return ClusterError(
            f"the API server does not accept this user: {found.text}",
            hint="log in again, or use another context: kubectl config get-contexts",
            status=401,
        )
    if found.unreachable:
        return ClusterError(f"helm cannot reach the cluster: {found.text}", hint="kubectl cluster-info")
    return None


def _of_object(found: Problem, target: Target) -> OperationFailed | None:
    if refusal := admission_words.refusal(admission_words.from_first(found.core)):
        return ObjectRefused(refusal, found.object, target.namespace)
    if found.hook:
        return HookFailed(found.hook, found.core, target.namespace)
    return None
