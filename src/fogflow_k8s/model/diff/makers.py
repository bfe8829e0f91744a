"""The maker of a live object: the tool that created it, and whether it belongs to a Helm release.

Helm marks the objects of a release with a label and two annotations (its pkg/action/validate.go), and does not install over an
object without them. Argo CD and Flux use labels and annotations of their own. For other tools, the field manager in
`metadata.managedFields` is the name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fogflow_k8s.model.kubernetes import Obj, annotations_of, labels_of, metadata_of

NAME, NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
_MANAGED_BY = "app.kubernetes.io/managed-by"
_ARGO, _ARGO_LABEL = "argocd.argoproj.io/tracking-id", "argocd.argoproj.io/instance"
_FLUX = "kustomize.toolkit.fluxcd.io/"
# the label helm.sh/chart of this project's charts; upstream's chart of the same name sets no labels
_CHARTS = ("fogflow-chart-", "fogflow-edge-chart-")


@dataclass(frozen=True, order=True)
class Maker:
    """A tool that created an object, and the command that removes everything it created; "" = delete each object."""

    description: str
    removal: str = ""


def belongs_to(live: Obj, release: str, namespace: str) -> bool:
    """Whether Helm considers the live object as part of this release; the same test as Helm's."""
    labels, marks = labels_of(live), annotations_of(live)
    return (labels.get(_MANAGED_BY), marks.get(NAME), marks.get(NAMESPACE)) == ("Helm", release, namespace)


def is_ours(objects: Iterable[Obj]) -> bool:
    """Whether the manifests come from a chart of this project; upstream's chart has the same name, but other labels."""
    return any(
        labels_of(o).get("app.kubernetes.io/part-of") == "fogflow"
        and str(labels_of(o).get("helm.sh/chart")).startswith(_CHARTS)
        for o in objects
    )


def maker_of(live: Obj) -> Maker:
    """The tool that created a live object."""
    labels, marks = labels_of(live), annotations_of(live)
    managers = [str(e.get("manager")) for e in metadata_of(live).get("managedFields") or []]
    if name := marks.get(NAME):
        namespace = marks.get(NAMESPACE) or str(metadata_of(live).get("namespace") or "default")
        return helm_release(name, namespace)
    if app := marks.get(_ARGO, "").partition(":")[0] or labels.get(_ARGO_LABEL) or _argo(labels, managers):
        return Maker(f"Argo CD application {app}", f"argocd app delete {app}")
    if name := labels.get(f"{_FLUX}name"):
        namespace = labels.get(f"{_FLUX}namespace") or "flux-system"
        return Maker(f"Flux Kustomization {name}", f"flux -n {namespace} delete kustomization {name}")
    manager = next((m for m in managers if not m.startswith("kube-")), "")
    return Maker("kubectl" if not manager or manager.startswith("kubectl") else manager)


def helm_release(name: str, namespace: str) -> Maker:
    """A release of Helm as the maker of its objects."""
    return Maker(f"Helm release {name} in namespace {namespace}", f"helm -n {namespace} uninstall {name}")


def removals(found: Sequence[tuple[Maker, Obj]]) -> list[str]:
    """The commands that remove these objects, each once."""
    commands = dict.fromkeys(maker.removal for maker, _ in found if maker.removal)
    names: dict[str, list[str]] = {}
    for maker, obj in found:
        if not maker.removal:
            names.setdefault(str(obj["metadata"].get("namespace") or ""), []).append(reference(obj).lower())
    where = {namespace: f" -n {namespace}" if namespace else "" for namespace in names}
    return [*commands, *(f"kubectl{where[each]} delete {' '.join(some)}" for each, some in names.items())]


def reference(obj: Obj) -> str:
    """An object as Kind/name."""
    return f"{obj.get('kind')}/{obj['metadata']['name']}"


def _argo(labels: Mapping[str, str], managers: Sequence[str]) -> str:
    """The Argo CD application of the object, or "". Argo CD's oldest tracking label is used by other tools, too."""
    return labels.get("app.kubernetes.io/instance", "") if any(m.startswith("argocd") for m in managers) else ""
