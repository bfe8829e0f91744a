"""The first step of check, diff and deploy: decide the values that the user left open, and render the manifests.

What is decided from the cluster: the preset (by the topology), the API server's addresses, IPv6, a volume for the designer, and
the Secret with RabbitMQ's password. An installed release keeps its decisions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from json import dumps
from typing import Any

from fogflow_k8s.actions.observe.status import Installed
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.preconditions import apiserver, references
from fogflow_k8s.actions.preconditions.address_families import with_family
from fogflow_k8s.actions.release import rotation
from fogflow_k8s.actions.release.request import Request
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model import manifests, names
from fogflow_k8s.model.diff.fields import changes
from fogflow_k8s.model.kubernetes import annotations_of, labels_of, spec_of
from fogflow_k8s.model.placement.topology import topology_of
from fogflow_k8s.model.release.breaking_changes import Loss, losses
from fogflow_k8s.model.release.history import PENDING, UNINSTALLING
from fogflow_k8s.model.settings.base import merge
from fogflow_k8s.model.settings.presets import Preset, choose, describe, preset_in, values_of
from fogflow_k8s.model.settings.worker_choice import keep_installed


@dataclass(frozen=True)
class BusSecret:
    """The Secret with RabbitMQ's password, if this program makes it."""

    name: str
    exists: bool
    password: str | None = field(default=None, repr=False)  # from the settings; None: a random one is made


@dataclass(frozen=True)
class Prepared:
    """A request with everything decided: the values for Helm, and the objects that it would install."""

    request: Request
    installed: Installed | None  # the installed release at the time of rendering
    values: dict[str, Any]
    objects: tuple[dict[str, Any], ...]
    hooks: tuple[dict[str, Any], ...]
    preset: Preset | None = None  # None for an edge
    note: str | None = None  # about the network policies
    secret: BusSecret | None = None  # None: the user, the chart or an external RabbitMQ has one

    @property
    def everything(self) -> list[dict[str, Any]]:
        """The objects and the hooks."""
        return [*self.objects, *self.hooks]

    @property
    def making(self) -> str | None:
        """The name of the Secret with RabbitMQ's password that the deploy will make; None if it makes none."""
        return self.secret.name if self.secret and not self.secret.exists else None

    @property
    def expected(self) -> list[Mapping[str, Any]]:
        """The workloads that should exist afterwards."""
        return manifests.workloads(self.objects)

    @cached_property
    def losses(self) -> list[Loss]:
        """What an upgrade of the installed release to these objects would lose."""
        return losses(self.installed.objects if self.installed else (), self.objects)

    @property
    def digest(self) -> str:
        """The identity of the input: a hash of the manifests."""
        return sha256(dumps(self.objects, sort_keys=True, default=str).encode()).hexdigest()


def prepare(op: Operation, request: Request, installed: Installed | None, *, server: bool = False) -> Prepared:
    """Decide what the user left open, and render the manifests; with `server`, Helm renders with access to the cluster.

    Only then does Helm reuse a password that the chart generated at the install, so a release with such a Secret is always
    rendered that way. Raises UsageError, ConfigError, ClusterError and Helm's typed errors.
    """
    names.require_tasks(op.namespace, request.values)
    preset, secret, by_chart = None, None, False
    if request.login:
        exists = op.cluster.get("Secret", request.login.secret, op.namespace) is not None
        secret = BusSecret(request.login.secret, exists, request.login.password)
        values, note = apiserver.narrow(op, request.values)
    else:
        preset = _preset(op, request, installed)
        values, note = apiserver.narrow(op, merge(values_of(preset), request.values))
        values = with_family(op, values)
        name, exists = references.bus_secret(op, values)
        by_chart = exists and not name
        if name:
            values, password = references.name_secret(values, name)
            secret = BusSecret(name, exists, password or None)
        _decide_persistence(op, installed, values)
    values = keep_installed(values, installed.objects if installed else ())
    made = rendered(op, request, installed, values, server=server or by_chart)
    return Prepared(
        request,
        installed,
        values,
        objects=tuple(o for o in made if not manifests.hook_of(o) and not _belongs_to_another(op, o)),
        hooks=tuple(o for o in made if manifests.hook_of(o)),
        preset=preset,
        note=note,
        secret=secret,
    )


def password_change(op: Operation, prepared: Prepared, installed: Installed | None) -> rotation.Rotation:
    """Whether RabbitMQ's password changes with these settings."""
    auth = (prepared.values.get("rabbitmq") or {}).get("auth") or {}
    given = (prepared.secret and prepared.secret.password) or None
    if not given and not auth.get("existingSecret"):
        given = str(auth.get("password") or "")
    return rotation.find(op, prepared.objects, installed, given=given or "")


def rendered(
    op: Operation, request: Request, installed: Installed | None, values: Mapping[str, Any], *, server: bool = False
) -> list[dict[str, Any]]:
    """The objects that Helm would install; with hooks where `helm template` renders them.

    Helm refuses a dry run of a release that an interrupted operation left pending; then `helm template` renders it.
    """
    if server and not (installed and installed.newest.status in (*PENDING, UNINSTALLING)):
        return manifests.every(op.helm.read_dry_run(op.helm.start_dry_run(request.chart, values)))
    child = op.helm.start_template(
        request.chart, values, upgrade=installed is not None, kube_version=op.cluster.version
    )
    return manifests.every(op.helm.read_text(child))


def _belongs_to_another(op: Operation, obj: Mapping[str, Any]) -> bool:
    """Whether it is a namespace of another owner, which Helm leaves out of the release."""
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


def _preset(op: Operation, request: Request, installed: Installed | None) -> Preset:
    """The preset: the one that the user chose, that of the installed release, or the one for this cluster's topology."""
    tolerations = (request.values.get("global") or {}).get("tolerations") or ()
    topology = None if op.nodes is None else topology_of(op.nodes, tolerations)
    return choose(topology, asked=request.preset, installed=preset_in(installed.objects) if installed else None)


def _decide_persistence(op: Operation, installed: Installed | None, values: dict[str, Any]) -> None:
    """Give the designer a volume if the cluster has a default StorageClass. Upgrades keep the decision of the install."""
    designer = dict(values.get("designer") or {})
    persistence = dict(designer.get("persistence") or {})
    if "enabled" in persistence:
        return
    if installed:
        had = any(
            o.get("kind") == "PersistentVolumeClaim" and manifests.component_of(o) == "designer"
            for o in installed.objects
        )
    else:
        had = bool(references.default_storage_class(op))
    if had:
        values["designer"] = {**designer, "persistence": {**persistence, "enabled": True}}


def introduce(op: Operation, prepared: Prepared) -> None:
    """Report the first lines of every deploy and diff: cluster, release, chart, and from which revision to which."""
    installed = prepared.installed
    current = installed.newest.number if installed else 0
    op.report.step(
        f"cluster {op.cluster.context} ({op.cluster.server}, {op.cluster.version}, uid {op.cluster.uid or 'not readable'})"
    )
    if op.simulated:
        op.report.warn("the nodes of this cluster are simulated: no container runs")
    labelled = (labels_of(o).get("helm.sh/chart") for o in prepared.objects)
    chart = next((str(label) for label in labelled if label), "fogflow-chart")
    same = installed is not None and not changes(installed.objects, prepared.objects)
    what = (f"revision {current}" if same else f"revision {current} -> {current + 1}") if current else "first install"
    op.report.step(f"release {op.release} in namespace {op.namespace}: {chart}, {what}")
    if prepared.preset:
        several = {
            manifests.component_of(o): int(o["spec"]["replicas"])
            for o in prepared.expected
            if o["kind"] == "StatefulSet"
        }
        op.report.step(describe(prepared.preset, _replicas(prepared), several))


def warn(op: Operation, prepared: Prepared) -> None:
    """Warn about settings that work but should be changed."""
    from fogflow_k8s.model.settings.values import Values

    deprecated = [
        o["metadata"]["name"] for o in prepared.objects if o.get("kind") == "Service" and spec_of(o).get("externalIPs")
    ]
    if prepared.note:
        op.report.log(prepared.note)
    if deprecated:
        op.report.warn(
            "externalIPs are deprecated since Kubernetes 1.36 and will stop working; use --expose load-balancer or node-port"
        )
    if not prepared.request.login and Values.model_validate(prepared.values).open_to_all:
        op.report.warn(
            "the dashboard is reachable from outside without a login, and everyone who reaches it can run any image: protect it with "
            "--set expose.basicAuth.existingSecret=SECRET (with key htpasswd)"
        )


def _replicas(prepared: Prepared) -> int:
    """The number of replicas of the reverse proxy."""
    return sum(int(o["spec"].get("replicas", 1)) for o in prepared.expected if manifests.component_of(o) == "nginx")
