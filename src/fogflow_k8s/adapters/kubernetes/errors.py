"""Typed errors for the API server's answers, and for connections to it that fail.

A caller reacts to the class (NotFound, Conflict, Gone, Invalid), a user to the message and its remedy. A refusal by
admission gets a class of its own, because servers report it with several status codes.
"""

from __future__ import annotations

import json

from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model.diagnosis import admission_messages
from fogflow_k8s.model.diagnosis.admission_messages import Refusal
from fogflow_k8s.model.diagnosis.catalogue import cause


class NotFound(ClusterError):
    """HTTP 404: no such object (or no such kind on this server)."""


class Conflict(ClusterError):
    """HTTP 409: the object exists already, or another client changed it since it was read."""


class Gone(ClusterError):
    """HTTP 410: the server no longer keeps the requested resource version; list again."""


class Invalid(ClusterError):
    """HTTP 422 or 400: the server refuses the content of the request."""


class NotAdmitted(Invalid):
    """Admission refused an object: a quota, a LimitRange, a policy or a webhook.

    The status is always 422, although the server answers 403, 500 and others: no permission is missing, and the same
    request would be refused again.
    """

    def __init__(self, refusal: Refusal) -> None:
        advice = cause(refusal.id, "release", refusal.object, "").advice
        super().__init__(
            f"{refusal.about(refusal.object or 'the object')}: {refusal.words}", hint=advice[0], status=422
        )
        self.id = refusal.id


def connection_error(server: str, error: Exception) -> ClusterError:
    """Return the error for a connection that failed or broke."""
    text = str(getattr(error, "reason", None) or error)
    if "CERTIFICATE_VERIFY_FAILED" in text or "certificate" in text.lower():
        return ClusterError(
            f"{server}: its certificate is not trusted: {text}",
            hint="check that the kubeconfig belongs to this cluster: kubectl config view",
        )
    what = (
        "did not answer in time"
        if "timed out" in text.lower() or "timeout" in type(error).__name__.lower()
        else "cannot be reached"
    )
    return ClusterError(
        f"the API server {server} {what}: {text}",
        hint="kubectl cluster-info; check the context: kubectl config get-contexts",
    )


def namespace_terminating(namespace: str) -> ClusterError:
    """Return the error for a namespace that is being deleted; no permission is missing."""
    return ClusterError(
        f"namespace {namespace} is still being deleted: nothing can be created in it",
        hint=f"wait until it is gone: kubectl wait --for=delete namespace/{namespace}; what blocks the deletion: fogflow-k8s doctor",
        status=409,
    )


def error_for_response(status: int, body: bytes, server: str) -> ClusterError:
    """Return the error for an HTTP answer with status 300 or above."""
    try:
        document = json.loads(body)
        message = str(document.get("message") or document)
    except (ValueError, AttributeError):
        message = body[:200].decode(errors="replace") or f"HTTP {status}"
    if status == 401:
        return ClusterError(f"{server} does not accept the credentials (401): they expired, or belong to another cluster",
                            hint="log in again, or: kubectl config get-contexts", status=status)  # fmt: skip
    if namespace := admission_messages.ending_namespace(message):
        return namespace_terminating(namespace)
    if found := admission_messages.refusal(message):
        return NotAdmitted(found)
    if status == 403:
        return ClusterError(
            f"not allowed: {message}",
            hint="ask your cluster administrator for a Role that permits it; what you may do: kubectl auth can-i --list",
            status=status,
        )
    kinds: dict[int, type[ClusterError]] = {404: NotFound, 409: Conflict, 410: Gone, 400: Invalid, 422: Invalid}
    return kinds.get(status, ClusterError)(message, hint=f"the API server {server} answered {status}", status=status)
