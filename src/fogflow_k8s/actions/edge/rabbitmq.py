"""Requests to the cloud's RabbitMQ, discovery and master about its edges.

RabbitMQ is asked with rabbitmqctl in its pod (kubectl exec); discovery and master over HTTP through a forwarded port.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from fogflow_k8s.adapters.fogflow.probe import Unreachable, get
from fogflow_k8s.adapters.kubernetes.kubectl import Kubectl
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model.edge.sites import Live

_POD, _CONTAINER = "deployment/rabbitmq", "rabbitmq"
_CTL = ("rabbitmqctl", "--quiet")
_TIMEOUT_S = 10.0
# rabbitmqctl reads no stdin: Erlang 28 and newer start it without one
_IMPORT = 'f=$(mktemp) && cat >"$f" && rabbitmqctl --quiet import_definitions "$f"; code=$?; rm -f "$f"; exit $code'


def define(kubectl: Kubectl, definitions: Mapping[str, Any]) -> None:
    """Create users and their permissions, from hashes in a temporary file of the pod. Raises ClusterError."""
    kubectl.execute(_POD, _CONTAINER, "sh", "-c", _IMPORT, stdin=json.dumps(definitions))


def forget(kubectl: Kubectl, user: str, queues: Iterable[str]) -> None:
    """Delete a user, which closes its connections, and its queues, as far as they exist. Raises ClusterError."""
    _unless_absent(kubectl, "delete_user", user)
    for queue in queues:
        _unless_absent(kubectl, "delete_queue", queue)


def live(kubectl: Kubectl) -> Live:
    """The brokers, workers and queues that discovery, master and RabbitMQ list; None for each that does not answer."""
    return Live(
        _asked(kubectl, "discovery", 8090, "/ngsi9/broker"),
        _asked(kubectl, "master", 8010, "/workers"),
        _queues(kubectl),
    )


def _asked(kubectl: Kubectl, name: str, port: int, path: str) -> dict[str, Any] | None:
    try:
        with kubectl.forward(f"deployment/{name}", port) as local:
            content = get(f"http://127.0.0.1:{local}{path}", timeout_s=_TIMEOUT_S).content
    except (ClusterError, Unreachable):
        return None
    if isinstance(content, list):
        return {str(one.get("id")): one for one in content}
    return dict(content or {})


def _queues(kubectl: Kubectl) -> dict[str, int] | None:
    try:
        output = kubectl.execute(_POD, _CONTAINER, *_CTL, "list_queues", "name", "consumers", "--formatter=json")
        return {str(one["name"]): int(one["consumers"] or 0) for one in json.loads(output)}
    except (ClusterError, ValueError, KeyError, TypeError):
        return None


def _unless_absent(kubectl: Kubectl, verb: str, name: str) -> None:
    try:
        kubectl.execute(_POD, _CONTAINER, *_CTL, verb, name)
    except ClusterError as error:
        if not any(
            word in str(error.message).lower() for word in ("no_such_user", "not found", "does not exist", "no such")
        ):
            raise
