"""A changed RabbitMQ password: noticed, put into force by restarts in order, and proved by the logins.

RabbitMQ and those who log in read the password when they start (the chart's bootstrap container). So a Secret that was changed since, by
`kubectl edit`, a secrets operator or a deploy with another password, changes nothing until they are restarted: RabbitMQ
first. Which password is in force, the record's mark knows (model/release/password_mark.py).
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
from fogflow_k8s.actions.release.restart import in_order
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model import manifests
from fogflow_k8s.model.release.password_mark import is_of, mark

COMPONENTS = ("rabbitmq", "master", "cloud-worker", "designer")
EDGE = "rabbitmq-edge"
NOT_PROVED = "the RabbitMQ password was changed and everybody who has it restarted; not proved that they log in"
PROVED = "the RabbitMQ password was changed, and everybody logs in with the new one: the keeper sees their consumers"


@dataclass(frozen=True)
class Rotation:
    """The password that is to be in force, against the one that the pods started with."""

    secret: str = ""
    password: str = field(default="", repr=False)
    changed: bool = False
    noted: bool = True  # the record has a mark of this Secret; or there is nothing to note
    overrides: bool = False  # the Secret was changed, and the settings say what was in force before
    components: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        """What was found and what is done, in one line."""
        first, *rest = self.components
        return f"the RabbitMQ password was changed: restarting {first}" + (f", then {', '.join(rest)}" if rest else "")


def find(
    op: Operation,
    objects: Sequence[Mapping[str, Any]],
    installed: status.Installed | None,
    *,
    given: str = "",
) -> Rotation:
    """Whether RabbitMQ's password is another than the one in force; `given` is that of the settings, before it is written.

    What we may not read is not judged. Where nothing is on record (Helm was used by hand), a Secret of the chart's own is
    compared with the release's manifest; one of somebody else's is taken for the one in force.
    """
    name = status.bus_secret(objects)
    if not name:
        return Rotation()
    try:
        live = op.cluster.get("Secret", name, op.namespace)
    except ClusterError as error:
        if error.status != 403:
            raise
        op.report.log(f"not checked: whether the password in Secret {name} was changed (no right to read it)")
        return Rotation()
    now = password_in(live)
    wanted = given or now
    version = _version(live) if live and now == wanted else ""
    known = (installed.record.get("busPassword") or {}) if installed else {}
    noted = known.get("secret") == name
    found = Rotation(name, wanted, noted=noted, components=tuple(c for c in COMPONENTS if c in _workloads(objects)))
    if not installed or not wanted or status.bus_secret(installed.objects) != name:
        return found  # nobody has one yet; or the pods are replaced anyway, as they mount another Secret
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
    """Restart RabbitMQ and those who log in, and note the new password as the one in force. Raises OperationFailed.

    `keep_on` is called before each restart and may raise to end it all.
    """
    op.report.step(found.says)
    if any(o.get("kind") == "Service" and manifests.key_of(o)[2] == EDGE for o in objects):
        op.report.warn("edge nodes log in with the same password: give them the new one")
    in_order(op, found.components, _workloads(objects), timeout_s=timeout_s, keep_on=keep_on)
    note(op, found)


def note(op: Operation, found: Rotation) -> None:
    """Note the mark of the password in force; one that was just made up is read from its Secret."""
    live = op.cluster.get("Secret", found.secret, op.namespace) if found.secret else None
    password = found.password or password_in(live)
    if live and password:
        version = _version(live) if password_in(live) == password else ""  # else it was changed again meanwhile
        record.note_password(op, mark(found.secret, version, password, salt=secrets.token_bytes(16)))


def password_in(secret: Mapping[str, Any] | None) -> str:
    """The password in a Secret; "" when there is none."""
    encoded = ((secret or {}).get("data") or {}).get("password") or ""
    try:
        return base64.b64decode(encoded).decode(errors="replace")
    except ValueError:  # of a manifest, which nobody checked
        return ""


def _version(secret: Mapping[str, Any]) -> str:
    return str(secret["metadata"].get("resourceVersion", ""))


def _workloads(objects: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {manifests.component_of(o): o for o in manifests.workloads(objects)}
