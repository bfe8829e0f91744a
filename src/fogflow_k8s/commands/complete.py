"""Shell completion of contexts, namespaces, revisions, components, tasks and ids of checks.

A cluster that does not answer within TIMEOUT_S offers nothing, without an error message. Global options may stand anywhere in
the line, but the parser that completes it sees only those before the verb, so `option_value` searches the whole line.
"""

import os
import shlex
from collections.abc import Callable
from typing import TypeVar

TIMEOUT_S = 2.0
T = TypeVar("T")


def contexts() -> list[str]:
    """The contexts of the kubeconfig that the line names."""
    return _or_empty(_contexts)


def namespaces() -> list[str]:
    """The namespaces of the cluster that the line names; the default one first."""
    return _or_empty(_namespaces)


def revisions() -> list[tuple[str, str]]:
    """The revisions of the release, newest first, with their status."""
    return _or_empty(_revisions)


def components() -> list[str]:
    """FogFlow's components."""
    from fogflow_k8s.model.components import NAMES

    return list(NAMES)


def checks() -> list[str]:
    """The ids of checks."""
    from fogflow_k8s.actions.check.check import IDS

    return list(IDS)


def tasks() -> list[tuple[str, str]]:
    """The tasks of the release that the line names, with their state."""
    return _or_empty(_tasks)


def words(*choices: str) -> Callable[[], list[str]]:
    """The completion of an option that takes one of a few words."""
    return lambda: list(choices)


def option_value(*flags: str) -> str:
    """The value of an option in the line that is being completed, as --FLAG VALUE or --FLAG=VALUE; "" if it is absent."""
    try:
        line = shlex.split(os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or "")
    except ValueError:  # an open quote
        return ""
    for word, following in zip(line, [*line[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name in flags:
            return value if equals else following
    return ""


def _contexts() -> list[str]:
    import yaml

    where = option_value("--kubeconfig") or os.environ.get("KUBECONFIG") or "~/.kube/config"
    found = []
    for path in filter(None, where.split(os.pathsep)):
        with open(os.path.expanduser(path), encoding="utf-8") as stream:  # noqa: PTH123, PTH111 - as the loader reads it
            found += [str(c["name"]) for c in (yaml.safe_load(stream) or {}).get("contexts") or []]
    return found


def _namespaces() -> list[str]:
    from fogflow_k8s.adapters.kubernetes.client import KubeCluster
    from fogflow_k8s.commands.session import DEFAULT_NAMESPACE

    cluster = KubeCluster.connect(option_value("--kubeconfig"), option_value("--context"), timeout_s=TIMEOUT_S)
    found = [str(n["metadata"]["name"]) for n in cluster.list("Namespace")]
    return sorted(found, key=lambda name: (name != DEFAULT_NAMESPACE, name))


def _revisions() -> list[tuple[str, str]]:
    from fogflow_k8s.adapters.kubernetes.client import KubeCluster
    from fogflow_k8s.commands.session import DEFAULT_NAMESPACE

    cluster = KubeCluster.connect(option_value("--kubeconfig"), option_value("--context"), timeout_s=TIMEOUT_S)
    namespace = option_value("-n", "--namespace") or os.environ.get("FOGFLOW_K8S_NAMESPACE") or DEFAULT_NAMESPACE
    stored = cluster.labels("Secret", namespace, f"owner=helm,name={_release()}")
    return sorted(((each["version"], each["status"]) for each in stored), key=lambda r: -int(r[0]))


def _tasks() -> list[tuple[str, str]]:
    from fogflow_k8s.actions import tasks_namespace
    from fogflow_k8s.adapters.kubernetes.client import KubeCluster
    from fogflow_k8s.commands.session import DEFAULT_NAMESPACE
    from fogflow_k8s.model.task.observed import observe_tasks

    cluster = KubeCluster.connect(option_value("--kubeconfig"), option_value("--context"), timeout_s=TIMEOUT_S)
    namespace = option_value("-n", "--namespace") or os.environ.get("FOGFLOW_K8S_NAMESPACE") or DEFAULT_NAMESPACE
    where = tasks_namespace.read(cluster, _release(), namespace)
    return [(task.name, task.state) for task in observe_tasks(cluster.list("Deployment", where), ())]


def _release() -> str:
    return option_value("--release") or os.environ.get("FOGFLOW_K8S_RELEASE") or "fogflow"


def _or_empty(query: Callable[[], list[T]]) -> list[T]:
    try:
        return query()
    except Exception:  # noqa: BLE001 - an error message would appear in the line that the user is typing
        return []
