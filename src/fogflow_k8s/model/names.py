"""The names of releases and namespaces: what Helm and Kubernetes allow, checked before the cluster is contacted.

Tasks run in a namespace of their own, by default the release's namespace with the suffix -tasks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fogflow_k8s.errors import UsageError
from fogflow_k8s.model import manifests

RELEASE_MAX = 53  # https://helm.sh/docs/chart_template_guide: object names, at most 63 characters, are built from it
NAMESPACE_MAX = 63  # a DNS label
DEFAULT = "fogflow"
"""The namespace and the release of a command without options."""
TASKS_SUFFIX = "-tasks"
_TASKS_FLAG = "--tasks-namespace="  # of the keeper
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_RELEASE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_FORM = "lower-case letters, digits and -, beginning and ending with a letter or digit"


def release_option(release: str) -> str:
    """The option that names a release, with a space before it; "" for the name that a command without it means."""
    return "" if release == DEFAULT else f" --release {release}"


def require(release: str, namespace: str) -> None:
    """Raises UsageError when Helm or Kubernetes does not allow the name of the release or namespace."""
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
    """Raises UsageError when the namespace's name is too long for the suffix -tasks and the values name no tasks namespace."""
    most = NAMESPACE_MAX - len(TASKS_SUFFIX)
    worker = (values.get("config") or {}).get("worker") or {}
    if len(namespace) > most and not worker.get("app_namespace"):
        raise UsageError(
            f"--namespace {namespace!r} has {len(namespace)} characters, and tasks run in NAMESPACE{TASKS_SUFFIX}, which may have "
            f"{NAMESPACE_MAX}: at most {most} are allowed",
            hint="name a shorter namespace: --namespace NAME; or name the one of the tasks: --set config.worker.app_namespace=NAME",
        )


def tasks_namespace(objects: Iterable[Mapping[str, Any]], namespace: str) -> str:
    """The namespace of FogFlow's tasks, from the manifests of a release in `namespace`.

    The chart writes it (template fogflow.tasksNamespace, value config.worker.app_namespace) into the worker's config.json
    and into the keeper's arguments; with configJson.hostPath only into the latter. Without either it is the chart's default,
    NAMESPACE-tasks.
    """
    known = list(objects)
    return next(_told_to_worker(known), "") or next(_told_to_keeper(known), "") or f"{namespace}{TASKS_SUFFIX}"


def _told_to_worker(objects: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for obj in objects:
        text = (obj.get("data") or {}).get("config.json") if obj.get("kind") == "ConfigMap" else None
        try:
            worker = json.loads(text or "{}")["worker"]
            yield from filter(None, [str(worker["app_namespace"])])
        except (ValueError, KeyError, TypeError):  # another component's, or changed by hand
            continue


def _told_to_keeper(objects: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for workload in manifests.workloads(objects):
        for container in manifests.pod_spec(workload).get("containers") or []:
            for arg in container.get("args") or []:
                if str(arg).startswith(_TASKS_FLAG):
                    yield str(arg).removeprefix(_TASKS_FLAG)


def _reason(name: str, most: int, form: str) -> str:
    return f"{len(name)} characters, and at most {most} are allowed" if len(name) > most else f"allowed are {form}"
