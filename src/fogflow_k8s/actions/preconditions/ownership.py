"""Does the release belong to us, and do the objects that it would make? Asked before anything is changed, by deploy and check.

Helm upgrades any release of the right name, be it of upstream's chart, which has the name of ours; and it refuses to
install over objects that kubectl, Argo CD or another release made, after a part of its work is done. `--take-ownership`
lets it take them over, where Kubernetes allows the change: the selector of a Deployment, for one, never changes.
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
from fogflow_k8s.model.manifests import RESOURCES
from fogflow_k8s.model.redaction.redactor import redact
from fogflow_k8s.model.release.history import Revision

ID = "FK-7014"  # in the catalogue
# the chart uses a namespace or claim that another made as it is, and leaves it out of the release
_LOOKED_AT = RESOURCES.keys() - {"Namespace", "PersistentVolumeClaim"}


@dataclass(frozen=True)
class Taken:
    """An object of another that the release would make, too. `fixed`: why Kubernetes cannot change it into the release's."""

    live: Obj
    maker: Maker
    fixed: str = ""


@dataclass(frozen=True)
class Others:
    """What others have where the release would be: `chart` is that of a release of the same name that is not ours."""

    release: str = ""
    namespace: str = ""
    chart: str = ""
    objects: tuple[Taken, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.chart or self.objects)

    @property
    def says(self) -> str:
        """What belongs to others, and to whom."""
        facts = []
        if self.chart:
            facts.append(
                f"release {self.release} in namespace {self.namespace} was installed from another chart "
                f"({self.chart}; its objects do not have this chart's labels)"
            )
        own = makers.helm_release(self.release, self.namespace)
        if apart := [each for each in self.objects if not (self.chart and each.maker == own)]:
            facts.append(f"these objects exist already and do not belong to the release: {_grouped(apart)}")
        return "; ".join(facts)

    @property
    def fixed(self) -> list[Taken]:
        """Those that cannot be taken over."""
        return [each for each in self.objects if each.fixed]

    def refusal(self, *, take: bool = False, offer: bool = True) -> Refused | None:
        """The error of a deploy; None when there is nothing to refuse, or with `take` when all of it can be taken over.

        `offer`: the command that is refused has the option --take-ownership.
        """
        if not self or (take and not self.fixed):
            return None
        facts = [] if take else [self.says]
        if self.fixed:
            names = ", ".join(makers.reference(each.live) for each in self.fixed)
            facts.append(f"Kubernetes cannot change these into the release's objects: {names} ({self.fixed[0].fixed})")
        error = Refused("; ".join(facts), hint=". ".join(self._ways(offer=offer)))
        error.id = ID
        return error

    def _ways(self, *, offer: bool) -> list[str]:
        """What the user can do about it, one sentence each."""
        owned = [(each.maker, each.live) for each in self.objects]
        if self.chart:
            owned.insert(0, (makers.helm_release(self.release, self.namespace), {}))
        remove = f"Or remove them, after a copy of the designer's db.json: {'; '.join(makers.removals(owned))}"
        ways = ["Use another namespace: -n NAME", remove]
        if offer and self.fixed:
            some = "; ".join(makers.removals([(Maker(""), each.live) for each in self.fixed]))
            ways.append(
                f"Or delete those that cannot change, and take the others over: {some}; then deploy --take-ownership"
            )
        elif offer:
            ways.append("Or take them over as they are: --take-ownership")
        return ways


def others(op: Operation, objects: Sequence[Obj], installed: Installed | None) -> Others:
    """What others have where the release would be; what may not be read is not judged. Raises ClusterError."""
    chart = ""
    current: Sequence[Obj] = ()
    if installed:
        revision, current = _in_force(op, installed)
        foreign = revision.status != "uninstalled" and bool(current) and not makers.is_ours(current)
        chart = (revision.chart or "unknown") if foreign and _stays(op, op.namespace) else ""
        current = () if chart or revision.status != "deployed" else current  # Helm does not look at these again
    known = {_key(op, o) for o in current}
    new = [o for o in objects if o.get("kind") in _LOOKED_AT and _key(op, o) not in known]
    there = {name for name in {_key(op, o)[1] for o in new} if not name or _stays(op, name)}
    new = [o for o in new if _key(op, o)[1] in there]  # a first install asks nothing more
    with ThreadPoolExecutor(max_workers=4) as pool:
        found = list(pool.map(partial(_taken, op, foreign=bool(chart)), new))
    return Others(op.release, op.namespace, chart, tuple(each for each in found if each))


def _in_force(op: Operation, installed: Installed) -> tuple[Revision, Sequence[Obj]]:
    """The revision whose objects Helm takes for the release's: the deployed one, which need not be the newest."""
    newest = installed.newest
    deployed = next((r for r in reversed(installed.history) if r.status == "deployed"), newest)
    if deployed == newest:
        return newest, installed.objects
    return deployed, manifests.split(op.helm.manifest(deployed.number))


def _key(op: Operation, obj: Obj) -> tuple[str, str, str]:
    """Kind, namespace ("" for what is in none) and name."""
    kind, namespace, name = manifests.key_of(obj)
    return kind, (namespace or op.namespace) if kind in RESOURCES and RESOURCES[kind][2] else "", name


def _stays(op: Operation, namespace: str) -> bool:
    """Whether the namespace exists and is not being deleted, which a deploy waits for; one that may not be read stays."""
    try:
        found = op.cluster.get("Namespace", namespace)
        return found is not None and not found["metadata"].get("deletionTimestamp")
    except ClusterError as error:
        if error.status == 403:
            return True
        raise


def _taken(op: Operation, obj: Obj, *, foreign: bool) -> Taken | None:
    """The live object of that name, when it is not the release's (or the release is `foreign`); None when there is none."""
    kind, namespace, name = _key(op, obj)
    try:
        found = op.cluster.get(kind, name, namespace)
    except ClusterError as error:
        if error.status != 403:
            raise
        op.report.log(f"not checked whether it belongs to another: {kind}/{name} (no right to read it)")
        return None
    if found is None or (not foreign and makers.belongs_to(found, op.release, op.namespace)):
        return None
    live = {"kind": kind, **found}
    return Taken(live, makers.maker_of(live), _fixed(op, obj, namespace))


def _fixed(op: Operation, obj: Obj, namespace: str) -> str:
    """Why the live object cannot be changed into this one; "" when it can be, or we may not try."""
    metadata = {**obj["metadata"], **({"namespace": namespace} if namespace else {})}
    try:
        op.cluster.apply({**obj, "metadata": metadata}, manager=HELM, force=True, dry_run=True)
    except Invalid as error:
        return short(redact(error.message), 200)
    except ClusterError as error:
        if error.status != 403:
            raise
    return ""


def _grouped(objects: Sequence[Taken]) -> str:
    """The names by their makers."""
    by_maker: dict[Maker, list[str]] = {}
    for each in objects:
        by_maker.setdefault(each.maker, []).append(makers.reference(each.live))
    return "; ".join(f"{', '.join(names)} (made by {maker.description})" for maker, names in by_maker.items())
