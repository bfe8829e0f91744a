"""Whether a service mesh (Istio, Linkerd) injects its proxy into FogFlow's pods, which breaks some of them.

A mesh injects proxies into the pods of namespaces that ask for it with a label or annotation.
"""

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
    "init containers call RabbitMQ and discovery before the mesh's proxy runs (unless it is a native sidecar), edges and devices outside "
    "the mesh have no certificate of it, and tasks call brokers by IP address; hooks and tests run without the proxy"
)


def no_mesh(op: Operation, objects: Sequence[Mapping[str, Any]]) -> CheckOutcome:
    """The namespaces of the release and of its tasks have no label or annotation that asks Istio or Linkerd for proxies."""
    found = []
    for name in dict.fromkeys((op.namespace, names.tasks_namespace(objects, op.namespace))):
        namespace = unless_forbidden(partial(op.cluster.get, "Namespace", name), "no permission to read the namespace")
        if namespace and (mesh := mesh_of(namespace)):
            found.append(f"namespace {name} has {mesh}")
    if not found:
        return CheckOutcome(True, "no proxy is injected")
    remedy = f"kubectl label namespace {op.namespace} istio-injection=disabled --overwrite; for Linkerd: kubectl annotate namespace {op.namespace} linkerd.io/inject=disabled --overwrite"
    return CheckOutcome(False, f"{' and '.join(found)}: {_LIMITS}", remedy)


def mesh_of(namespace: Mapping[str, Any]) -> str:
    """The label or annotation by which a namespace asks for proxies in its pods; "" when none does.

    https://istio.io/latest/docs/setup/additional-setup/sidecar-injection and https://linkerd.io/2/features/proxy-injection.
    Istio's ambient mode injects none.
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
