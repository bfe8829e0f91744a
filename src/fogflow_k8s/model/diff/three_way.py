"""Three-way difference: the manifests of the last revision, the live objects, and the manifests that a deploy would apply.

A Change is what a deploy changes compared with the last revision. A Drift is what was changed on the cluster since then, together
with its effect: what the deploy does about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fogflow_k8s.model.diff.fields import ABSENT, Change, Field, differences, field_of, short, value_at
from fogflow_k8s.model.diff.owners import NO_OWNER, Owner, additions, owner_of
from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.manifests import key_of

Effect = Literal["restored", "overridden", "left", "removed", "refused"]
ROLLS = ("Deployment", "StatefulSet", "DaemonSet")  # kinds whose pods are replaced when their template changes
_DESCRIPTIONS: Mapping[Effect, str] = {
    "restored": "will be restored",
    "overridden": "deploy sets another value",
    "left": "deploy does not change it",
    "removed": "the object is deleted",
    "refused": "the API server rejects the change",
}


@dataclass(frozen=True)
class Drift:
    """A change on the cluster since the last revision, and what a deploy does about it."""

    object: str  # Kind/name
    namespace: str
    effect: Effect
    field: Field | None = None  # deployed -> live; None: the object itself was deleted
    wanted: Any = None  # the value that the deploy sets, masked; None = none
    owner: Owner = NO_OWNER
    why: str = ""  # the API server's message when it rejects the change

    def __str__(self) -> str:
        if not self.field:
            return f"! {self.object}: {self.why}" if self.why else f"+ {self.object}"
        return f"~ {self.object} {self.field.path}: {short(self.field.new)} -> {short(self.wanted)}{self.by}"

    @property
    def by(self) -> str:
        """The end of a sentence that names who changed it; "" when that is unknown."""
        return f", changed by {self.owner}" if self.owner.manager else ""

    @property
    def description(self) -> str:
        """What a deploy does about it, as a phrase."""
        return _DESCRIPTIONS[self.effect]


@dataclass(frozen=True)
class Difference:
    """What a deploy would change, and what was changed by hand since the last one."""

    release: str
    namespace: str
    context: str
    server: str
    revision: int  # the newest; 0: not installed
    changes: tuple[Change, ...] = ()
    drift: tuple[Drift, ...] = ()
    unseen: tuple[str, ...] = ()  # objects that could not be compared with the live ones
    notes: tuple[str, ...] = ()  # other consequences of a deploy
    renews: bool = False  # a deploy creates a new revision in any case
    rotates: tuple[str, ...] = ()  # the components restarted because RabbitMQ's password was changed, in order

    @property
    def affected_drift(self) -> tuple[Drift, ...]:
        """The drift that a deploy does not leave as it is."""
        return tuple(d for d in self.drift if d.effect != "left")

    @property
    def changed(self) -> bool:
        """Whether a deploy has anything to do."""
        return self.revises or bool(self.rotates)

    @property
    def revises(self) -> bool:
        """Whether a deploy creates a new revision."""
        return bool(self.changes or self.affected_drift or self.renews)

    @property
    def restarts(self) -> tuple[str, ...]:
        """The workloads whose pods are replaced."""
        touched = [(c.object, c.field) for c in self.changes] + [(d.object, d.field) for d in self.affected_drift]
        names = {
            name.partition("/")[2]
            for name, field in touched
            if name.startswith(tuple(f"{kind}/" for kind in ROLLS))
            and field
            and field.path.startswith("spec.template.")
        }
        return tuple(sorted(names | set(self.rotates)))


def drifts(base: Obj, live: Obj, repeated: Obj, deployed: Obj | None, *, wanted: Obj | None) -> Iterator[Drift]:
    """The fields of a live object that differ from the last revision.

    `repeated` is the object after a repeated deploy of `base`, `deployed` after a deploy of `wanted`; None = it is deleted.
    Both come from a dry run on the API server, which knows all defaults and all notations of a quantity.
    """
    kind, namespace, name = key_of(base)
    for path, is_, was in differences(live, repeated):
        final = ABSENT if deployed is None else value_at(deployed, path)
        effect: Effect = "removed" if deployed is None else "restored"
        if deployed is not None and final != was:
            effect = "left" if final == is_ else "overridden"
        shown = field_of(kind, path, was, is_)
        yield Drift(
            f"{kind}/{name}", namespace, effect, shown, field_of(kind, path, was, final).new, owner_of(live, path)
        )
    for path, is_, owner in additions(live, base, wanted):
        if value_at(repeated, path) is ABSENT or (path[0] == "data" and not base.get("data")):
            continue  # reported above, because a deploy removes it; or data of a ConfigMap that the keeper fills
        shown = field_of(kind, path, ABSENT, is_)
        yield Drift(f"{kind}/{name}", namespace, "removed" if deployed is None else "left", shown, shown.new, owner)
