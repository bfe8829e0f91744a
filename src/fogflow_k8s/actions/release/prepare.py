"""What deploy and diff begin with: what the user left open is decided, the manifests are rendered, and it is said where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.preconditions import apiserver, references
from fogflow_k8s.actions.preconditions.address_families import with_family
from fogflow_k8s.actions.release.deployment import Deployment
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model import manifests, names
from fogflow_k8s.model.diff.fields import changes
from fogflow_k8s.model.kubernetes import annotations_of, labels_of, spec_of
from fogflow_k8s.model.placement.topology import shape_of
from fogflow_k8s.model.release.history import PENDING, UNINSTALLING
from fogflow_k8s.model.settings.base import merge
from fogflow_k8s.model.settings.presets import Preset, choose, preset_in, said, values_of


def render(work: Deployment, *, server: bool = False) -> None:
    """Decide what the user left to us, and render with it; with `server`, as Helm does with the cluster at hand.

    Only so it finds again what the chart made up at the install (a password): a deploy of such a release needs it, too.
    """
    op, request = work.op, work.request
    names.require_tasks(op.namespace, request.values)
    work.values = _of_edge(work) if request.login else _of_cloud(work)
    values = work.values
    made = rendered(work, values, server=server or (work.secret_exists and not work.secret))
    work.hooks = [obj for obj in made if manifests.hook_of(obj)]
    work.objects = [obj for obj in made if not manifests.hook_of(obj) and not _is_anothers(op, obj)]


def _of_cloud(work: Deployment) -> dict[str, Any]:
    """The values with what the user left to us: preset, the API server's addresses, the Secret, the designer's volume."""
    op, request = work.op, work.request
    work.preset = _preset(work)
    values = with_family(op, apiserver.narrow(op, merge(values_of(work.preset), request.values)))
    work.secret, work.secret_exists = references.bus_secret(op, values)
    if work.secret:
        values, work.password = references.name_secret(values, work.secret)
    _decide_persistence(work, values)
    return values


def _of_edge(work: Deployment) -> dict[str, Any]:
    """The values of an edge: only the API server's addresses are ours to find out."""
    op, login = work.op, work.request.login
    if login:
        work.secret, work.password = login.secret, login.password
        work.secret_exists = op.cluster.get("Secret", login.secret, op.namespace) is not None
    return apiserver.narrow(op, work.request.values)


def rendered(work: Deployment, values: Mapping[str, Any], *, server: bool = False) -> list[dict[str, Any]]:
    """The objects that Helm would install, hooks among them where they are rendered here.

    Helm refuses to go near a release that a dead operation left pending: rendered here then.
    """
    op, request, installed = work.op, work.request, work.installed
    if server and not (installed and installed.newest.status in (*PENDING, UNINSTALLING)):
        return manifests.every(op.helm.read_rehearsal(op.helm.start_rehearsal(request.chart, values)))
    child = op.helm.start_template(
        request.chart, values, upgrade=installed is not None, kube_version=op.cluster.version
    )
    return manifests.every(op.helm.read_text(child))


def _is_anothers(op: Operation, obj: Mapping[str, Any]) -> bool:
    """Whether it is a namespace that somebody else made: Helm, which can look, leaves it out of the release."""
    if obj.get("kind") != "Namespace":
        return False
    try:
        live = op.cluster.get("Namespace", obj["metadata"]["name"])
    except ClusterError as error:
        if error.status == 403:
            return False
        raise
    marks = annotations_of(live or {})
    owner = (marks.get("meta.helm.sh/release-name"), marks.get("meta.helm.sh/release-namespace"))
    return live is not None and owner != (op.release, op.namespace)


def _preset(work: Deployment) -> Preset:
    """The preset for this cluster, unless one was asked for or the release has one."""
    nodes = work.op.nodes
    tolerations = (work.request.values.get("global") or {}).get("tolerations") or ()
    shape = None if nodes is None else shape_of(nodes, tolerations)
    installed = preset_in(work.installed.objects) if work.installed else ""
    return choose(shape, asked=work.request.preset, installed=installed)


def _decide_persistence(work: Deployment, values: dict[str, Any]) -> None:
    """The designer's volume: on when the cluster has a default StorageClass; decided at the install, never flipped."""
    designer = dict(values.get("designer") or {})
    persistence = dict(designer.get("persistence") or {})
    if "enabled" in persistence:
        return
    if work.installed:
        had = any(
            o.get("kind") == "PersistentVolumeClaim" and manifests.component_of(o) == "designer"
            for o in work.installed.objects
        )
    else:
        had = bool(references.default_storage_class(work.op))
    if had:
        values["designer"] = {**designer, "persistence": {**persistence, "enabled": True}}


def introduce(work: Deployment) -> None:
    """The first lines of every deploy and diff: where, what, from which revision to which."""
    op, installed = work.op, work.installed
    current = installed.newest.number if installed else 0
    op.report.step(
        f"cluster {op.cluster.context} ({op.cluster.server}, {op.cluster.version}, uid {op.cluster.uid or 'not readable'})"
    )
    if op.simulated:
        op.report.warn("the nodes of this cluster are simulated: no container really runs")
    labelled = (labels_of(o).get("helm.sh/chart") for o in work.objects)
    chart = next((str(label) for label in labelled if label), "fogflow-chart")
    same = installed is not None and not changes(installed.objects, work.objects)
    what = (f"revision {current}" if same else f"revision {current} -> {current + 1}") if current else "first install"
    op.report.step(f"release {op.release} in namespace {op.namespace}: {chart}, {what}")
    if work.preset:
        several = {
            manifests.component_of(o): int(o["spec"]["replicas"]) for o in work.expected if o["kind"] == "StatefulSet"
        }
        op.report.step(said(work.preset, _replicas(work), several))


def warn(work: Deployment) -> None:
    """What works today and should not stay so."""
    from fogflow_k8s.model.settings.values import Values

    op = work.op
    deprecated = [
        o["metadata"]["name"] for o in work.objects if o.get("kind") == "Service" and spec_of(o).get("externalIPs")
    ]
    if deprecated:
        op.report.warn(
            "externalIPs are deprecated since Kubernetes 1.36 and will stop working; --expose load-balancer or node-port will not"
        )
    if not work.request.login and Values.model_validate(work.values).open_to_all:
        op.report.warn(
            "the dashboard is reachable from outside without a login, and whoever reaches it can run any image: "
            "--set expose.basicAuth.existingSecret=SECRET (with key htpasswd)"
        )


def _replicas(work: Deployment) -> int:
    """How many of nginx there will be, whoever said so."""
    return sum(int(o["spec"].get("replicas", 1)) for o in work.expected if manifests.component_of(o) == "nginx")
