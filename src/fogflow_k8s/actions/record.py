"""The record of a release: a ConfigMap, outside the chart, with what Helm's history does not say.

It holds the revisions that became ready (with time, user and command), from which a rollback chooses its target, and the mark
of the RabbitMQ password in force (model/release/password_mark.py), from which a deploy notices a changed password.
"""

from __future__ import annotations

import getpass
import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.adapters.kubernetes.client import Conflict
from fogflow_k8s.errors import ClusterError

KEEP = 20  # Helm keeps 10 revisions


def load(op: Operation) -> dict[str, Any]:
    """The record; empty when another tool installed the release."""
    found = op.cluster.get("ConfigMap", op.own_name, op.namespace)
    return _parse(found) if found else {}


def note_worked(op: Operation, revision: int, *, digest: str) -> None:
    """Record that all components of a revision became ready. `digest`: the hash of its manifests, "" when unknown."""
    entry = {"at": now(), "by": user(), "command": op.command, "digest": digest, "state": "ready"}

    def add(record: dict[str, Any]) -> dict[str, Any]:
        known = {**(record.get("revisions") or {}), str(revision): entry}
        return {"revisions": {k: known[k] for k in sorted(known, key=int)[-KEEP:]}}

    _edit(op, add)


def note_password(op: Operation, mark: dict[str, str]) -> None:
    """Record the mark of the RabbitMQ password that all components were started with."""
    _edit(op, lambda _: {"busPassword": mark})


def _edit(op: Operation, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change the record. An error is only a warning, as the release itself does not depend on the record."""
    why = "another client keeps changing it"
    for _ in range(5):  # another client may change it between the two requests
        try:
            found = op.cluster.get("ConfigMap", op.own_name, op.namespace)
            record = _parse(found) if found else {}
            data = {"record.json": json.dumps({"v": 1, **record, **change(record)}, indent=1)}
            if found:
                op.cluster.replace({**found, "data": data})
            else:
                op.cluster.create(_manifest(op, data))
        except Conflict:
            continue
        except ClusterError as error:
            why = op.mask(error.message) if error.status else error.message
            break
        return
    op.report.warn(
        f"cannot record this in ConfigMap {op.own_name}, so a later deploy or rollback will not know about it: {why}"
    )


def forget(op: Operation) -> None:
    """Remove the record."""
    op.cluster.delete("ConfigMap", op.own_name, op.namespace)


def now() -> str:
    """The time in UTC, RFC 3339 with microseconds, as Leases want it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def user() -> str:
    """The user of this program, as user@host."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container without a passwd entry
        name = "unknown"
    return f"{name}@{socket.gethostname()}"


def _parse(found: dict[str, Any]) -> dict[str, Any]:
    try:
        return dict(json.loads((found.get("data") or {}).get("record.json") or "{}"))
    except ValueError:
        return {}  # edited by hand: only Helm's history counts


def _manifest(op: Operation, data: dict[str, str]) -> dict[str, Any]:
    labels = {"app.kubernetes.io/managed-by": "fogflow-k8s", "app.kubernetes.io/instance": op.release}
    metadata = {"name": op.own_name, "namespace": op.namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
