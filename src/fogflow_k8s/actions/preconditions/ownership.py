"""Whether the release, and the objects that it would make, belong to this chart; checked by deploy and check.

Helm upgrades any release with the right name, also one of the upstream chart, which has the same name. It refuses to install
over objects that kubectl, Argo CD or another release made, but only after part of its work is done. With `--take-ownership`
Helm takes these objects over, where Kubernetes allows the change: the selector of a Deployment, for example, is immutable.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from fogflow_k8s.actions.observe.status import Installed
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.adapters.kubernetes.client import Invalid
from fogflow_k8s.errors import ClusterError, Refused
from fogflow_k8s.model import manifests
from fogflow_k8s.model.diff import makers
from fogflow_k8s.model.diff.fields import short
from fogflow_k8s.model.diff.makers import Maker
from fogflow_k8s.model.diff.owners import HELM
from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.listed import listed
from fogflow_k8s.model.manifests import RESOURCES
from fogflow_k8s.model.redaction.redactor import redact
from fogflow_k8s.model.release.history import Revision

ID = "FK-7014"  # in the catalogue
_NAMED = 6  # at most so many objects of one maker are named
# a namespace or claim of another owner is used as it is, and is not part of the release
_LOOKED_AT = RESOURCES.keys() - {"Namespace", "PersistentVolumeClaim"}


@dataclass(frozen=True)
class ForeignObject:
    """An object of another that the release would make, too. `fixed`: why Kubernetes cannot change it into the release's."""

    live: Obj
    maker: Maker
    unchangeable: str = ""


@dataclass(frozen=True)
class OwnershipConflicts:
    """What belongs to others: the release itself (`chart`: its chart), and objects with the names that the release needs."""

    release: str = ""
    namespace: str = ""
    chart: str = ""
    objects: tuple[ForeignObject, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.chart or self.objects)

    @property
    def description(self) -> str:
        """What belongs to others, and who made it."""
        facts = []
        if self.chart:
            facts.append(
                f"release {self.release} in namespace {self.namespace} was installed from another chart "
                f"({self.chart}; its objects do not have this chart's labels)"
            )
        own = makers.helm_release(self.release, self.namespace)
        if foreign_objects := [each for each in self.objects if not (self.chart and each.maker == own)]:
            facts.append(f"these objects exist and do not belong to the release: {_grouped(foreign_objects)}")
        return "; ".join(facts)

    @property
    def unchangeable(self) -> list[ForeignObject]:
        """The objects that cannot be taken over."""
        return [each for each in self.objects if each.unchangeable]

    def refusal(self, *, take: bool = False, offer: bool = True) -> Refused | None:
        """The error of a deploy; None without a conflict, or with `take` when everything can be taken over.

        `offer`: the command has the option --take-ownership.
        """
        if not self or (take and not self.unchangeable):
            return None
        facts = [] if take else [self.description]
        if self.unchangeable:
            names = _listed([makers.reference(each.live) for each in self.unchangeable])
            facts.append(
                f"Kubernetes cannot change these into the release's objects: {names} ({self.unchangeable[0].unchangeable})"
            )
        error = Refused("; ".join(facts), hint=". ".join(self._remedies(offer=offer)))
        error.id = ID
        return error

    def _remedies(self, *, offer: bool) -> list[str]:
        """What the user can do, one sentence each."""
        owned = [(each.maker, each.live) for each in self.objects]
        if self.chart:
            owned.insert(0, (makers.helm_release(self.release, self.namespace), {}))
        remove = f"Or save the designer's db.json and remove them: {'; '.join(makers.removals(owned))}"
        remedies = ["Use another namespace: -n NAME", remove]
        if offer and self.unchangeable:
            some = "; ".join(makers.removals([(Maker(""), each.live) for each in self.unchangeable]))
            remedies.append(
                f"Or delete those that cannot change, and take the others over: {some}; then fogflow-k8s deploy --take-ownership"
            )
        elif offer:
            remedies.append("Or take them over: --take-ownership")
        return remedies


def ownership_conflicts(op: Operation, objects: Sequence[Obj], installed: Installed | None) -> OwnershipConflicts:
    """The conflicts of the release with other owners; objects without read permission are skipped. Raises ClusterError."""
    chart = ""
    current: Sequence[Obj] = ()
    if installed:
        revision, current = _in_force(op, installed)
        foreign = revision.status != "uninstalled" and bool(current) and not makers.is_ours(current)
        chart = (revision.chart or "unknown") if foreign and _remains(op, op.namespace) else ""
        current = () if chart or revision.status != "deployed" else current  # Helm does not check these again
    known = {_key(op, o) for o in current}
    new = [o for o in objects if o.get("kind") in _LOOKED_AT and _key(op, o) not in known]
    there = {name for name in {_key(op, o)[1] for o in new} if not name or _remains(op, name)}
    new = [o for o in new if _key(op, o)[1] in there]  # on a first install, no request follows
    with ThreadPoolExecutor(max_workers=4) as pool:
        found = list(pool.map(partial(_foreign_object, op, foreign=bool(chart)), new))
    return OwnershipConflicts(op.release, op.namespace, chart, tuple(each for each in found if each))


def _in_force(op: Operation, installed: Installed) -> tuple[Revision, Sequence[Obj]]:
    """The revision that Helm compares with: the deployed one, which is not always the newest; and its objects."""
    newest = installed.newest
    deployed = next((r for r in reversed(installed.history) if r.status == "deployed"), newest)
    if deployed == newest:
        return newest, installed.objects
    return deployed, manifests.split(op.helm.manifest(deployed.number))


def _key(op: Operation, obj: Obj) -> tuple[str, str, str]:
    """Kind, namespace ("" for cluster-wide kinds) and name."""
    kind, namespace, name = manifests.key_of(obj)
    return kind, (namespace or op.namespace) if kind in RESOURCES and RESOURCES[kind][2] else "", name


def _remains(op: Operation, namespace: str) -> bool:
    """Whether the namespace exists and is not being deleted; True without the permission to read it."""
    try:
        found = op.cluster.get("Namespace", namespace)
        return found is not None and not found["metadata"].get("deletionTimestamp")
    except ClusterError as error:
        if error.status == 403:
            return True
        raise


def _foreign_object(op: Operation, obj: Obj, *, foreign: bool) -> ForeignObject | None:
    """The live object of that name if it belongs to another owner, or the release is `foreign`; else None."""
    kind, namespace, name = _key(op, obj)
    try:
        found = op.cluster.get(kind, name, namespace)
    except ClusterError as error:
        if error.status != 403:
            raise
        op.report.log(f"not checked whether {kind}/{name} belongs to another owner: no permission to read it")
        return None
    if found is None or (not foreign and makers.belongs_to(found, op.release, op.namespace)):
        return None
    live = {"kind": kind, **found}
    return ForeignObject(live, makers.maker_of(live), _why_unchangeable(op, obj, namespace))


def _why_unchangeable(op: Operation, obj: Obj, namespace: str) -> str:
    """Why the live object cannot be changed into this one; "" when it can, or the permission to try is missing."""
    metadata = {**obj["metadata"], **({"namespace": namespace} if namespace else {})}
    try:
        op.cluster.apply({**obj, "metadata": metadata}, manager=HELM, force=True, dry_run=True)
    except Invalid as error:
        return short(redact(error.message), 200)
    except ClusterError as error:
        if error.status != 403:
            raise
    return ""


def _grouped(objects: Sequence[ForeignObject]) -> str:
    """The names of the objects, grouped by their makers."""
    by_maker: dict[Maker, list[str]] = {}
    for each in objects:
        by_maker.setdefault(each.maker, []).append(makers.reference(each.live))
    return "; ".join(f"{_listed(names)} (made by {maker.description})" for maker, names in by_maker.items())


def _listed(names: Sequence[str]) -> str:
    """The first names; all when only one more would be left out."""
    return listed(names, _NAMED if len(names) > _NAMED + 1 else len(names))
