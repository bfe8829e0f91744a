"""What the rendered manifests need from the cluster and nobody provides: found before Helm runs."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.adapters.kubernetes.client import Conflict
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import ClusterError, OperationFailed
from fogflow_k8s.model import manifests, names
from fogflow_k8s.model.diagnosis.catalogue import Cause, cause
from fogflow_k8s.model.kubernetes import annotations_of, labels_of
from fogflow_k8s.model.release.permissions import namespaces

BUS_SECRET = "fogflow-rabbitmq"  # noqa: S105 - a name
_IDS = {"Secret": "FK-1201", "ConfigMap": "FK-1202", "PersistentVolumeClaim": "FK-1204"}
_RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}


def missing(op: Operation, objects: Sequence[Mapping[str, Any]], *, making: str | None = None) -> list[Cause]:
    """A cause for every Secret, ConfigMap, key, claim and class that a workload names and that does not exist.

    `making` is the Secret that a deploy would make by itself.
    """
    causes = []
    for (kind, name, key), wanted in groupby(manifests.missing_references(objects), lambda r: (r.kind, r.name, r.key)):
        if making and (kind, name) == ("Secret", making):
            continue
        reference = manifests.Reference(kind, name, key, by=_listed([r.by for r in wanted]))
        namespace = op.namespace if manifests.RESOURCES[kind][2] else ""
        try:
            found = op.cluster.get(reference.kind, reference.name, namespace)
        except ClusterError as error:
            if error.status == 403:  # what we may not see, we do not judge
                op.report.log(f"not checked: {reference.kind} {reference.name} (no right to read it)")
                continue
            raise
        if found is None:
            causes.append(_absent(reference, op))
        elif manifests.lacks_key(reference, found):
            what = f"{reference.kind} {reference.name} has no key {reference.key}, needed by {reference.by}"
            causes.append(_cause("FK-1203", reference, op, what))
    return causes


def await_ending(op: Operation, objects: Sequence[Mapping[str, Any]], *, timeout_s: float) -> bool:
    """Wait for the end of those namespaces of the release that are being deleted, as after an uninstall. True when one was.

    Raises OperationFailed when one does not end in time.
    """
    others = {str(o["metadata"].get("namespace") or op.namespace) for o in objects}
    others.add(names.tasks_namespace(objects, op.namespace))
    wanted = dict.fromkeys([*namespaces(objects, op.namespace), *sorted(others)])
    ending = [name for name in wanted if _ends(op, name)]
    for name in ending:
        op.report.step(f"waiting for the end of namespace {name}, which is still being deleted")
        try:
            wait_for(
                f"the end of {name}", partial(_ends, op, name), lambda ends: not ends,
                timeout_s=timeout_s, every_s=0.5, clock=op.clock,
            )  # fmt: skip
        except WaitTimeout as error:
            raise OperationFailed(
                f"namespace {name} is still being deleted after {timeout_s:g} s; nothing was changed",
                hint="what holds it: fogflow-k8s doctor; then deploy again",
                exit_code=30,
            ) from error
    return bool(ending)


def _ends(op: Operation, namespace: str) -> bool:
    """Whether a namespace is being deleted, as far as we may see."""
    try:
        found = op.cluster.get("Namespace", namespace)
    except ClusterError as error:
        if error.status == 403:
            return False
        raise
    return bool(found and found["metadata"].get("deletionTimestamp"))


def ensure_namespace(op: Operation, objects: Sequence[Mapping[str, Any]]) -> bool:
    """Make the namespace if it is absent, with Pod Security `restricted` unless a pod asks for the host. True if made."""
    found = op.cluster.get("Namespace", op.namespace)
    if found:
        if found["metadata"].get("deletionTimestamp"):
            raise ClusterError(
                f"namespace {op.namespace} is being deleted", hint=f"wait until it is gone: kubectl wait --for=delete namespace/{op.namespace}"
            )  # fmt: skip
        return False
    host = any(
        v.get("hostPath") for o in manifests.workloads(objects) for v in manifests.pod_spec(o).get("volumes") or []
    )
    labels = {"app.kubernetes.io/managed-by": "fogflow-k8s", **({} if host else _RESTRICTED)}
    try:
        op.cluster.create(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": op.namespace, "labels": labels}}
        )
    except Conflict:
        return False
    return True


def bus_secret(op: Operation, values: Mapping[str, Any]) -> tuple[str, bool]:
    """The Secret with RabbitMQ's password that the values leave to us: its name, and whether it exists.

    The name is "" when the user or the chart has one.
    """
    if not wants_our_secret(values):
        return "", False
    found = op.cluster.get("Secret", BUS_SECRET, op.namespace)
    labels = labels_of(found or {})
    made_by_the_chart = labels.get("app.kubernetes.io/managed-by") == "Helm"  # when it was installed by hand
    return ("", True) if made_by_the_chart else (BUS_SECRET, found is not None)


def wants_our_secret(values: Mapping[str, Any]) -> bool:
    """True when neither a Secret nor a RabbitMQ of the user's own is named."""
    bus = values.get("rabbitmq") or {}
    return not ((bus.get("auth") or {}).get("existingSecret") or (bus.get("external") or {}).get("host"))


def name_secret(values: Mapping[str, Any], name: str) -> tuple[dict[str, Any], str]:
    """The values with the Secret's name in place of a password, and that password ("" when none was given).

    So a password that a config.json holds never reaches Helm, whose release record anyone who may read Secrets can read.
    """
    bus = dict(values.get("rabbitmq") or {})
    auth = dict(bus.get("auth") or {})
    password = str(auth.pop("password", "") or "")
    return {**values, "rabbitmq": {**bus, "auth": {**auth, "existingSecret": name}}}, password


def ensure_bus_secret(op: Operation, name: str, password: str = "") -> None:
    """Make the Secret with the password (default: a random one); one that exists gets the password that the user gave."""
    labels = {
        "app.kubernetes.io/managed-by": "fogflow-k8s",
        "app.kubernetes.io/instance": op.release,
        "app.kubernetes.io/part-of": "fogflow",
    }
    metadata = {"name": name, "namespace": op.namespace, "labels": labels}
    data = {"password": password or secrets.token_urlsafe(24)}
    try:
        op.cluster.create(
            {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "stringData": data}
        )
    except Conflict:
        found = op.cluster.get("Secret", name, op.namespace)
        encoded = base64.b64encode(password.encode()).decode()
        if not (found and password) or (found.get("data") or {}).get("password") == encoded:
            return
        op.retire({"kind": "Secret", **found})
        op.cluster.replace({**found, "data": {**(found.get("data") or {}), "password": encoded}})


def default_storage_class(op: Operation) -> str:
    """The name of the cluster's default StorageClass; "" when there is none, or we may not see them."""
    try:
        classes = op.cluster.list("StorageClass")
    except ClusterError as error:
        if error.status == 403:
            return ""
        raise
    for each in classes:
        if annotations_of(each).get("storageclass.kubernetes.io/is-default-class") == "true":
            return str(each["metadata"]["name"])
    return ""


def _absent(reference: manifests.Reference, op: Operation) -> Cause:
    what = f"{reference.kind} {reference.name} does not exist; needed by {reference.by}"
    return _cause(_IDS.get(reference.kind, "FK-1205"), reference, op, what)


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _cause(id_: str, reference: manifests.Reference, op: Operation, what: str) -> Cause:
    kind = reference.kind.lower()
    component = reference.by if " " not in reference.by else "release"  # one alone, or several
    return cause(
        id_, component, f"{kind}/{reference.name}", what, namespace=op.namespace, name=reference.name,
        key=reference.key or "KEY", noun=kind, plural=manifests.RESOURCES[reference.kind][1],
    )  # fmt: skip
