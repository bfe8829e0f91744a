"""Three ways at once: the manifests of the last revision, the live objects, and what is asked for now. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fogflow_k8s.model.diff.fields import ABSENT, Change, Field, differences, field_of, short, value_at
from fogflow_k8s.model.diff.owners import NOBODY, Owner, additions, owner_of
from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.manifests import key_of

Effect = Literal["restored", "overridden", "left", "removed", "refused"]
ROLLS = ("Deployment", "StatefulSet", "DaemonSet")  # kinds whose pods are replaced when their template changes
_SAYS: Mapping[Effect, str] = {
    "restored": "will be restored",
    "overridden": "deploy sets another value",
    "left": "deploy leaves it",
    "removed": "the object goes",
    "refused": "the server refuses what would be applied",
}


@dataclass(frozen=True)
class Drift:
    """What somebody changed on the cluster since the last revision, and what a deploy does about it."""

    object: str  # Kind/name
    namespace: str
    effect: Effect
    field: Field | None = None  # deployed -> live; None: the object itself was deleted
    wanted: Any = None  # what the deploy sets, masked; None = nothing
    owner: Owner = NOBODY
    why: str = ""  # the server's words, when it refuses

    def __str__(self) -> str:
        if not self.field:
            return f"! {self.object}: {self.why}" if self.why else f"+ {self.object}"
        return f"~ {self.object} {self.field.path}: {short(self.field.new)} -> {short(self.wanted)}{self.by}"

    @property
    def by(self) -> str:
        """Who changed it."""
        return f", changed by {self.owner}" if self.owner.manager else ""

    @property
    def says(self) -> str:
        """What a deploy does about it, in words."""
        return _SAYS[self.effect]


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
    notes: tuple[str, ...] = ()  # what else a deploy would meet or do
    renews: bool = False  # a deploy makes a new revision in any case
    rotates: tuple[str, ...] = ()  # the components restarted because RabbitMQ's password was changed, in order

    @property
    def mended(self) -> tuple[Drift, ...]:
        """The drift that a deploy does something about."""
        return tuple(d for d in self.drift if d.effect != "left")

    @property
    def changed(self) -> bool:
        """False when a deploy would find nothing to do."""
        return self.revises or bool(self.rotates)

    @property
    def revises(self) -> bool:
        """Whether a deploy would make a new revision."""
        return bool(self.changes or self.mended or self.renews)

    @property
    def restarts(self) -> tuple[str, ...]:
        """The workloads whose pods are replaced."""
        touched = [(c.object, c.field) for c in self.changes] + [(d.object, d.field) for d in self.mended]
        names = {
            name.partition("/")[2]
            for name, field in touched
            if name.startswith(tuple(f"{kind}/" for kind in ROLLS))
            and field
            and field.path.startswith("spec.template.")
        }
        return tuple(sorted(names | set(self.rotates)))


def drifts(base: Obj, live: Obj, back: Obj, then: Obj | None, *, wanted: Obj | None) -> Iterator[Drift]:
    """The fields of a live object that differ from the last revision.

    `back` is the object as a repeated deploy of `base` would leave it, `then` as one of `wanted` would: the server knows
    every default and every way to write a quantity, which no comparison on this side does. None: the object goes.
    """
    kind, namespace, name = key_of(base)
    for path, is_, was in differences(live, back):
        final = ABSENT if then is None else value_at(then, path)
        effect: Effect = "removed" if then is None else "restored"
        if then is not None and final != was:
            effect = "left" if final == is_ else "overridden"
        shown = field_of(kind, path, was, is_)
        yield Drift(
            f"{kind}/{name}", namespace, effect, shown, field_of(kind, path, was, final).new, owner_of(live, path)
        )
    for path, is_, owner in additions(live, base, wanted):
        if value_at(back, path) is ABSENT or (path[0] == "data" and not base.get("data")):
            continue  # told above, as the server takes it away; or in a store that the chart makes for the keeper to fill
        shown = field_of(kind, path, ABSENT, is_)
        yield Drift(f"{kind}/{name}", namespace, "removed" if then is None else "left", shown, shown.new, owner)
