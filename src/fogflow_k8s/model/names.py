"""What Kubernetes and Helm allow as the name of a namespace and of a release, said before either of them is asked. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fogflow_k8s.errors import UsageError
from fogflow_k8s.model import manifests

RELEASE_MAX = 53  # https://helm.sh/docs/chart_template_guide: names of objects are made from it, and have 63
NAMESPACE_MAX = 63  # a DNS label
TASKS_SUFFIX = "-tasks"
_TASKS_FLAG = "--tasks-namespace="  # of the keeper
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


def tasks_namespace(objects: Iterable[Mapping[str, Any]], namespace: str) -> str:
    """The namespace that the manifests of a release in `namespace` give to FogFlow's tasks.

    The chart writes its answer (template fogflow.tasksNamespace, value config.worker.app_namespace) into the worker's
    config.json, and into the keeper's arguments; with configJson.hostPath only there. Where neither is among the
    objects it is the chart's default, NAMESPACE-tasks.
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
