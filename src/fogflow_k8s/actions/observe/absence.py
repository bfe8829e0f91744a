"""What a user is told when a release does not exist: where FogFlow is instead.

FogFlow may be in the namespace without a release of Helm, after `kubectl apply` of what `render` wrote, or as a release in
another namespace, when the option -n was forgotten. Every command without a release uses this one answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.errors import ClusterError, NotInstalled
from fogflow_k8s.model.diagnosis.catalogue import Cause, cause
from fogflow_k8s.model.diff import makers
from fogflow_k8s.model.kubernetes import Obj, annotations_of, metadata_of
from fogflow_k8s.model.listed import listed
from fogflow_k8s.model.names import DEFAULT, release_option

ID = "FK-7016"  # in the catalogue: objects that Helm did not install
_FOGFLOW = "app.kubernetes.io/part-of=fogflow"
_MOST = 5  # names in one message


@dataclass(frozen=True)
class Absence:
    """A release that does not exist, and what there is of FogFlow instead."""

    release: str
    namespace: str
    unmanaged: tuple[Obj, ...] = ()
    """Deployments of FogFlow in the namespace that belong to no release of Helm."""
    elsewhere: tuple[tuple[str, str], ...] = ()
    """Namespace and name of the releases of FogFlow that this user can see."""

    @property
    def message(self) -> str:
        """That there is no release, and which objects are there without one."""
        absent = f"there is no release {self.release} in namespace {self.namespace}"
        return f"{absent}, but {self._unmanaged}" if self.unmanaged else absent

    @property
    def elsewhere_hint(self) -> str:
        """The options that name the releases elsewhere; "" without any."""
        flags = [f"-n {namespace}{release_option(name)}" for namespace, name in self.elsewhere]
        some = " or ".join(flags[:_MOST])
        return f"FogFlow is installed elsewhere: run the command again with {some}" if flags else ""

    @property
    def hint(self) -> str:
        """The next commands."""
        if finding := self.finding:
            return "; ".join(finding.advice)
        space = "" if self.namespace == DEFAULT else f" -n {self.namespace}"
        install = f"fogflow-k8s deploy --external-ip ADDRESS{space}{release_option(self.release)}"
        return f"{self.elsewhere_hint}; to install it here: {install}" if self.elsewhere else install

    @property
    def finding(self) -> Cause | None:
        """The cause about the objects that Helm did not install; None without such objects."""
        if not self.unmanaged:
            return None
        place = f"namespace/{self.namespace}"
        names = tuple(map(makers.reference, self.unmanaged))
        return cause(ID, "release", place, self._unmanaged, evidence=names, namespace=self.namespace)

    @property
    def error(self) -> NotInstalled:
        """The error of a command that needs the release."""
        error = NotInstalled(self.message, hint=self.hint)
        error.id = ID if self.unmanaged else ""
        return error

    @property
    def _unmanaged(self) -> str:
        names = [makers.reference(each) for each in self.unmanaged]
        shown = listed(names, _MOST)
        tools = ", ".join(sorted({makers.maker_of(each).description for each in self.unmanaged}))
        return f"namespace {self.namespace} has objects of FogFlow that Helm did not install: {shown} (made by {tools})"


def find_absence(op: Operation) -> Absence:
    """What there is of FogFlow although the release does not exist. Without the permission to look, nothing is found."""
    found = _deployments(op, "")
    found = _deployments(op, op.namespace) if found is None else found
    unmanaged: list[Obj] = []
    elsewhere: set[tuple[str, str]] = set()
    for each in found or ():
        marks = annotations_of(each)
        if makers.NAME in marks:
            elsewhere.add((marks.get(makers.NAMESPACE, ""), marks[makers.NAME]))
        elif metadata_of(each).get("namespace") == op.namespace:
            unmanaged.append({"kind": "Deployment", **each})
    elsewhere.discard((op.namespace, op.release))
    return Absence(op.release, op.namespace, tuple(unmanaged), tuple(sorted(elsewhere)))


def _deployments(op: Operation, namespace: str) -> list[Obj] | None:
    """FogFlow's Deployments in the namespace ("" = in all); None when the API server does not list them."""
    try:
        return list(op.cluster.list("Deployment", namespace, _FOGFLOW))
    except ClusterError:
        return None
