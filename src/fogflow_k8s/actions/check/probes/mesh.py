"""Is there a service mesh that puts its proxy into FogFlow's pods, and what does not work then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from fogflow_k8s.actions.check.probes import unless_forbidden
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.engine.checks import CheckOutcome
from fogflow_k8s.model import names
from fogflow_k8s.model.kubernetes import metadata_of

_LIMITS = (
    "init containers ask RabbitMQ and discovery before the mesh's proxy runs (unless it is a native sidecar), edges and devices outside of "
    "the mesh have no certificate of it, and tasks that FogFlow starts call brokers by address; hooks and tests stay out of it"
)


def no_mesh(op: Operation, objects: Sequence[Mapping[str, Any]]) -> CheckOutcome:
    """No label or annotation of the namespaces of the objects and of their tasks asks Istio or Linkerd for proxies in pods."""
    found = []
    for name in dict.fromkeys((op.namespace, names.tasks_namespace(objects, op.namespace))):
        namespace = unless_forbidden(partial(op.cluster.get, "Namespace", name), "no right to read the namespace")
        if namespace and (mesh := mesh_of(namespace)):
            found.append(f"namespace {name} has {mesh}")
    if not found:
        return CheckOutcome(True, "no proxy is injected")
    mend = f"kubectl label namespace {op.namespace} istio-injection=disabled --overwrite; for Linkerd: kubectl annotate namespace {op.namespace} linkerd.io/inject=disabled --overwrite"
    return CheckOutcome(False, f"{' and '.join(found)}: {_LIMITS}", mend)


def mesh_of(namespace: Mapping[str, Any]) -> str:
    """The label or annotation by which a namespace asks for proxies in its pods; "" when none does.

    https://istio.io/latest/docs/setup/additional-setup/sidecar-injection and https://linkerd.io/2/features/proxy-injection.
    Istio's ambient mode puts none into pods.
    """
    metadata = metadata_of(namespace)
    labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
    injection = labels.get("istio-injection")
    if injection == "enabled":
        return "label istio-injection=enabled"
    if (revision := labels.get("istio.io/rev")) and injection != "disabled":
        return f"label istio.io/rev={revision}" if labels.get("istio.io/dataplane-mode") != "ambient" else ""
    if (asked := notes.get("linkerd.io/inject") or labels.get("linkerd.io/inject")) in ("enabled", "ingress"):
        return f"linkerd.io/inject={asked}"
    return ""
