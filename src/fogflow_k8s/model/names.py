"""What Kubernetes and Helm allow as the name of a namespace and of a release, said before either of them is asked. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fogflow_k8s.errors import UsageError

RELEASE_MAX = 53  # https://helm.sh/docs/chart_template_guide: names of objects are made from it, and have 63
NAMESPACE_MAX = 63  # a DNS label
TASKS_SUFFIX = "-tasks"
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_RELEASE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_FORM = "lower-case letters, digits and -, beginning and ending with a letter or digit"


def require(release: str, namespace: str) -> None:
    """Raises UsageError for a release or namespace that can have no such name."""
    if not _RELEASE.fullmatch(release) or len(release) > RELEASE_MAX:
        raise UsageError(
            f"--release {release!r}: {_reason(release, RELEASE_MAX, _FORM.replace(' and -', ', - and .'))}",
            hint="name another release: --release NAME",
        )
    if not _LABEL.fullmatch(namespace) or len(namespace) > NAMESPACE_MAX:
        raise UsageError(
            f"--namespace {namespace!r}: {_reason(namespace, NAMESPACE_MAX, _FORM)}",
            hint="name another namespace: --namespace NAME",
        )


def require_tasks(namespace: str, values: Mapping[str, Any]) -> None:
    """Raises UsageError when the namespace's name leaves too little for that of its tasks, and the values name no other."""
    most = NAMESPACE_MAX - len(TASKS_SUFFIX)
    worker = (values.get("config") or {}).get("worker") or {}
    if len(namespace) > most and not worker.get("app_namespace"):
        raise UsageError(
            f"--namespace {namespace!r} has {len(namespace)} characters, and tasks run in NAMESPACE{TASKS_SUFFIX}, which may have "
            f"{NAMESPACE_MAX}: at most {most} are allowed",
            hint="name a shorter namespace: --namespace NAME; or name the one of the tasks: --set config.worker.app_namespace=NAME",
        )


def _reason(name: str, most: int, form: str) -> str:
    return f"{len(name)} characters, and at most {most} are allowed" if len(name) > most else f"allowed are {form}"
