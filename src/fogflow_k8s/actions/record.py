"""Our record of a release: one ConfigMap beside it, with the revisions that were seen working, when and by whom.

And with the mark of the RabbitMQ password that is in force (model/release/password_mark.py).
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
    """The record; empty when there is none (another tool installed the release)."""
    found = op.cluster.get("ConfigMap", op.own_name, op.namespace)
    return _parse(found) if found else {}


def note_worked(op: Operation, revision: int, *, digest: str) -> None:
    """Note that a revision was seen working (ready; the cell itself is checked by the keeper once there is one)."""
    entry = {"at": now(), "by": user(), "command": op.command, "digest": digest, "state": "ready"}

    def add(record: dict[str, Any]) -> dict[str, Any]:
        known = {**(record.get("revisions") or {}), str(revision): entry}
        return {"revisions": {k: known[k] for k in sorted(known, key=int)[-KEEP:]}}

    _edit(op, add)


def note_password(op: Operation, mark: dict[str, str]) -> None:
    """Note the mark of the RabbitMQ password that everybody was started with."""
    _edit(op, lambda _: {"busPassword": mark})


def _edit(op: Operation, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change the record. It is a note beside the release: what cannot be noted is said, and ends nothing."""
    why = "somebody else changes it all the time"
    for _ in range(5):  # somebody's annotation may race with us
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
    op.report.warn(f"not noted in ConfigMap {op.own_name}, by which a later deploy or rollback would know it: {why}")


def forget(op: Operation) -> None:
    """Remove the record."""
    op.cluster.delete("ConfigMap", op.own_name, op.namespace)


def now() -> str:
    """The time in UTC, RFC 3339 with microseconds, as Leases want it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def user() -> str:
    """Who does this, as user@host."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container without a passwd entry
        name = "unknown"
    return f"{name}@{socket.gethostname()}"


def _parse(found: dict[str, Any]) -> dict[str, Any]:
    try:
        return dict(json.loads((found.get("data") or {}).get("record.json") or "{}"))
    except ValueError:
        return {}  # edited by hand: Helm's history alone decides then


def _manifest(op: Operation, data: dict[str, str]) -> dict[str, Any]:
    labels = {"app.kubernetes.io/managed-by": "fogflow-k8s", "app.kubernetes.io/instance": op.release}
    metadata = {"name": op.own_name, "namespace": op.namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
