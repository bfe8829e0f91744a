"""The objects that the rendered manifests refer to and do not contain: Secrets, ConfigMaps, claims, classes, namespaces.

A missing one would leave pods waiting, so it is found before Helm runs. Namespace and RabbitMQ's Secret are made here, if the
user has not provided them.
"""

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

    `making`: the Secret that the deploy would make outside the chart.
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
            if error.status == 403:  # it may exist
                op.report.log(f"not checked: {reference.kind} {reference.name} (no permission to read it)")
                continue
            raise
        if found is None:
            causes.append(_missing_cause(reference, op))
        elif manifests.lacks_key(reference, found):
            what = f"{reference.kind} {reference.name} has no key {reference.key}, needed by {reference.by}"
            causes.append(_cause("FK-1203", reference, op, what))
    return causes


def await_ending(op: Operation, objects: Sequence[Mapping[str, Any]], *, timeout_s: float) -> bool:
    """Wait until namespaces of the release that are being deleted are gone. True when there was one.

    Raises OperationFailed when one does not end in time.
    """
    others = {str(o["metadata"].get("namespace") or op.namespace) for o in objects}
    others.add(names.tasks_namespace(objects, op.namespace))
    wanted = dict.fromkeys([*namespaces(objects, op.namespace), *sorted(others)])
    ending = [name for name in wanted if _ends(op, name)]
    for name in ending:
        op.report.step(f"waiting until namespace {name}, which is being deleted, is gone")
        try:
            wait_for(
                f"the end of {name}", partial(_ends, op, name), lambda ends: not ends,
                timeout_s=timeout_s, every_s=0.5, clock=op.clock,
            )  # fmt: skip
        except WaitTimeout as error:
            raise OperationFailed(
                f"namespace {name} is still being deleted after {timeout_s:g} s; nothing was changed",
                hint="see what blocks it: fogflow-k8s doctor; then deploy again",
                exit_code=30,
            ) from error
    return bool(ending)


def _ends(op: Operation, namespace: str) -> bool:
    """Whether a namespace is being deleted; False without the permission to read it."""
    try:
        found = op.cluster.get("Namespace", namespace)
    except ClusterError as error:
        if error.status == 403:
            return False
        raise
    return bool(found and found["metadata"].get("deletionTimestamp"))


def ensure_namespace(op: Operation, objects: Sequence[Mapping[str, Any]]) -> bool:
    """Make the namespace if it does not exist. True if made. It gets Pod Security `restricted`, unless a pod needs hostPath."""
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
    """The Secret with RabbitMQ's password that this program makes: its name, and whether it exists.

    The name is "" when the user or the chart provides one.
    """
    if not wants_our_secret(values):
        return "", False
    found = op.cluster.get("Secret", BUS_SECRET, op.namespace)
    labels = labels_of(found or {})
    made_by_the_chart = labels.get("app.kubernetes.io/managed-by") == "Helm"  # when it was installed by hand
    return ("", True) if made_by_the_chart else (BUS_SECRET, found is not None)


def wants_our_secret(values: Mapping[str, Any]) -> bool:
    """Whether the user names neither a Secret nor an external RabbitMQ."""
    bus = values.get("rabbitmq") or {}
    return not ((bus.get("auth") or {}).get("existingSecret") or (bus.get("external") or {}).get("host"))


def name_secret(values: Mapping[str, Any], name: str) -> tuple[dict[str, Any], str]:
    """The values with the Secret's name in place of a password, and that password ("" when none was given).

    So a password in a config.json does not get into Helm's release record, which is readable with access to Secrets.
    """
    bus = dict(values.get("rabbitmq") or {})
    auth = dict(bus.get("auth") or {})
    password = str(auth.pop("password", "") or "")
    return {**values, "rabbitmq": {**bus, "auth": {**auth, "existingSecret": name}}}, password


def ensure_bus_secret(op: Operation, name: str, password: str = "") -> None:
    """Make the Secret with the password (default: a random one). An existing Secret gets the password of the user, if given."""
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
    """The name of the cluster's default StorageClass; "" without one, or without the permission to list them."""
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


def _missing_cause(reference: manifests.Reference, op: Operation) -> Cause:
    what = f"{reference.kind} {reference.name} does not exist; needed by {reference.by}"
    return _cause(_IDS.get(reference.kind, "FK-1205"), reference, op, what)


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _cause(id_: str, reference: manifests.Reference, op: Operation, what: str) -> Cause:
    kind = reference.kind.lower()
    component = reference.by if " " not in reference.by else "release"  # a single component, or several
    return cause(
        id_, component, f"{kind}/{reference.name}", what, namespace=op.namespace, name=reference.name,
        key=reference.key or "KEY", noun=kind, plural=manifests.RESOURCES[reference.kind][1],
    )  # fmt: skip
