"""What an API server that does not do as asked has to say, as typed errors."""

from __future__ import annotations

import json

from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model.diagnosis import admission_words
from fogflow_k8s.model.diagnosis.admission_words import Refusal
from fogflow_k8s.model.diagnosis.catalogue import cause


class NotFound(ClusterError):
    """HTTP 404: no such object (or no such kind on this server)."""


class Conflict(ClusterError):
    """HTTP 409: it exists already, or somebody else changed it meanwhile."""


class Gone(ClusterError):
    """HTTP 410: the resource version asked for is no longer kept; list again."""


class Invalid(ClusterError):
    """HTTP 422 or 400: the server understood and will not have it."""


class NotAdmitted(Invalid):
    """Admission does not let an object in: a quota, a LimitRange, a policy or a webhook.

    Its status is 422 whatever the server answered (403, 500 and others): no right is missing, and the same request is
    refused again.
    """

    def __init__(self, refusal: Refusal) -> None:
        advice = cause(refusal.id, "release", refusal.object, "").advice
        super().__init__(
            f"{refusal.about(refusal.object or 'the object')}: {refusal.words}", hint=advice[0], status=422
        )
        self.id = refusal.id


def unreachable(server: str, error: Exception) -> ClusterError:
    """The error for a connection that did not come about, or broke."""
    text = str(getattr(error, "reason", None) or error)
    if "CERTIFICATE_VERIFY_FAILED" in text or "certificate" in text.lower():
        return ClusterError(
            f"{server}: its certificate is not accepted: {text}", hint="does the kubeconfig belong to this cluster?"
        )
    what = (
        "gave no answer in time"
        if "timed out" in text.lower() or "timeout" in type(error).__name__.lower()
        else "cannot be reached"
    )
    return ClusterError(
        f"the API server {server} {what}: {text}",
        hint="kubectl cluster-info; is it the right context? kubectl config get-contexts",
    )


def terminating(namespace: str) -> ClusterError:
    """The error for a namespace that is being deleted: no right is missing."""
    return ClusterError(
        f"namespace {namespace} is still being deleted: nothing can be made in it",
        hint=f"wait until it is gone: kubectl wait --for=delete namespace/{namespace}; what holds it: fogflow-k8s doctor",
        status=409,
    )


def refused(status: int, body: bytes, server: str) -> ClusterError:
    """The error for an answer of 300 or more."""
    try:
        said = json.loads(body)
        message = str(said.get("message") or said)
    except (ValueError, AttributeError):
        message = body[:200].decode(errors="replace") or f"HTTP {status}"
    if status == 401:
        return ClusterError(f"{server} does not accept our credentials (401): expired, or of another cluster",
                            hint="log in again, or: kubectl config get-contexts", status=status)  # fmt: skip
    if namespace := admission_words.ending_namespace(message):
        return terminating(namespace)
    if found := admission_words.refusal(message):
        return NotAdmitted(found)
    if status == 403:
        return ClusterError(
            f"not allowed: {message}", hint="ask for a Role that permits it: kubectl auth can-i --list", status=status
        )
    kinds: dict[int, type[ClusterError]] = {404: NotFound, 409: Conflict, 410: Gone, 400: Invalid, 422: Invalid}
    return kinds.get(status, ClusterError)(message, hint=f"the API server {server} answered {status}", status=status)
