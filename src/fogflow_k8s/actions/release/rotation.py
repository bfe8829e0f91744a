"""Rotation of the RabbitMQ password: detect a changed password and restart the components that use it.

RabbitMQ and its clients read the password when they start (in the chart's bootstrap container). A Secret that was changed since
then, by `kubectl edit`, a secrets operator or a deploy with another password, has no effect until they restart, RabbitMQ
first. The *password in force* is the one they started with; the record holds its mark (model/release/password_mark.py).
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fogflow_k8s.actions import record
from fogflow_k8s.actions.observe import status
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.release.restart import restart_in_order
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model import manifests
from fogflow_k8s.model.release.password_mark import is_of, mark

COMPONENTS = ("rabbitmq", "master", "cloud-worker", "designer")
EDGE = "rabbitmq-edge"
NOT_PROVED = "the RabbitMQ password was changed and its components were restarted; their logins were not tested"
PROVED = "the RabbitMQ password was changed, and all components log in with it: the keeper sees their consumers"


@dataclass(frozen=True)
class Rotation:
    """The password to put into force, compared with the one that the pods started with."""

    secret: str = ""
    password: str = field(default="", repr=False)
    changed: bool = False
    noted: bool = True  # the record has a mark of this Secret, or needs none
    overrides: bool = False  # the Secret was changed, and the settings restore the password in force
    components: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """What was found, and what is done about it, in one line."""
        first, *rest = self.components
        return f"the RabbitMQ password was changed: restarting {first}" + (f", then {', '.join(rest)}" if rest else "")


def find(
    op: Operation,
    objects: Sequence[Mapping[str, Any]],
    installed: status.Installed | None,
    *,
    given: str = "",
) -> Rotation:
    """Whether RabbitMQ's password differs from the one in force. `given`: the password of the settings, not yet written.

    A Secret without read permission is skipped. Without a mark in the record (Helm was used directly), a Secret of the chart
    is compared with the release's manifest; the password of another Secret counts as the one in force.
    """
    name = status.bus_secret(objects)
    if not name:
        return Rotation()
    try:
        live = op.cluster.get("Secret", name, op.namespace)
    except ClusterError as error:
        if error.status != 403:
            raise
        op.report.log(f"not checked whether the password in Secret {name} was changed: no permission to read it")
        return Rotation()
    now = password_in(live)
    wanted = given or now
    version = _version(live) if live and now == wanted else ""
    known = (installed.record.get("busPassword") or {}) if installed else {}
    noted = known.get("secret") == name
    found = Rotation(name, wanted, noted=noted, components=tuple(c for c in COMPONENTS if c in _workloads(objects)))
    if not installed or not wanted or status.bus_secret(installed.objects) != name:
        return found  # no pod has a password yet, or all pods are replaced, as they mount another Secret
    if noted:
        changed = not is_of(known, version, wanted)
        return replace(found, changed=changed, overrides=not changed and now != wanted)
    before = next((password_in(o) for o in installed.objects if manifests.key_of(o)[::2] == ("Secret", name)), now)
    return replace(found, changed=wanted != before)


def carry_out(
    op: Operation,
    found: Rotation,
    objects: Sequence[Mapping[str, Any]],
    *,
    timeout_s: float,
    keep_on: Callable[[], None],
) -> None:
    """Restart RabbitMQ and its clients, and record the new password as the one in force. Raises OperationFailed.

    `keep_on` is called before each restart and may raise to stop.
    """
    op.report.step(found.description)
    if any(o.get("kind") == "Service" and manifests.key_of(o)[2] == EDGE for o in objects):
        op.report.warn("edge nodes log in with the same password: change it there, too")
    restart_in_order(op, found.components, _workloads(objects), timeout_s=timeout_s, keep_on=keep_on)
    note(op, found)


def note(op: Operation, found: Rotation) -> None:
    """Record the mark of the password in force. A generated password is read from its Secret."""
    live = op.cluster.get("Secret", found.secret, op.namespace) if found.secret else None
    password = found.password or password_in(live)
    if live and password:
        version = _version(live) if password_in(live) == password else ""  # otherwise it was changed again
        record.note_password(op, mark(found.secret, version, password, salt=secrets.token_bytes(16)))


def password_in(secret: Mapping[str, Any] | None) -> str:
    """The password in a Secret; "" without one."""
    encoded = ((secret or {}).get("data") or {}).get("password") or ""
    try:
        return base64.b64decode(encoded).decode(errors="replace")
    except ValueError:  # a manifest may hold invalid base64
        return ""


def _version(secret: Mapping[str, Any]) -> str:
    return str(secret["metadata"].get("resourceVersion", ""))


def _workloads(objects: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {manifests.component_of(o): o for o in manifests.workloads(objects)}
