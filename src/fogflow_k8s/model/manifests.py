"""Rendered manifests: the workloads that they contain, and the objects that these need and the manifests do not contain.

Input is the YAML that Helm renders or keeps in a release. An object that a pod refers to (a Secret, a claim, a class) is a
Reference; the caller asks the cluster whether it exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.model.kubernetes import Obj, annotations_of, metadata_of, spec_of

COMPONENT = "app.kubernetes.io/component"

# kind -> (API group/version, plural, namespaced) of every kind that the charts may contain
RESOURCES: dict[str, tuple[str, str, bool]] = {
    "ConfigMap": ("v1", "configmaps", True),
    "Secret": ("v1", "secrets", True),
    "Service": ("v1", "services", True),
    "ServiceAccount": ("v1", "serviceaccounts", True),
    "PersistentVolumeClaim": ("v1", "persistentvolumeclaims", True),
    "Pod": ("v1", "pods", True),
    "Namespace": ("v1", "namespaces", False),
    "LimitRange": ("v1", "limitranges", True),
    "ResourceQuota": ("v1", "resourcequotas", True),
    "Deployment": ("apps/v1", "deployments", True),
    "StatefulSet": ("apps/v1", "statefulsets", True),
    "DaemonSet": ("apps/v1", "daemonsets", True),
    "ReplicaSet": ("apps/v1", "replicasets", True),
    "Job": ("batch/v1", "jobs", True),
    "Role": ("rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("rbac.authorization.k8s.io/v1", "rolebindings", True),
    "PodDisruptionBudget": ("policy/v1", "poddisruptionbudgets", True),
    "NetworkPolicy": ("networking.k8s.io/v1", "networkpolicies", True),
    "Ingress": ("networking.k8s.io/v1", "ingresses", True),
    "IngressClass": ("networking.k8s.io/v1", "ingressclasses", False),
    "StorageClass": ("storage.k8s.io/v1", "storageclasses", False),
    "PriorityClass": ("scheduling.k8s.io/v1", "priorityclasses", False),
    "RuntimeClass": ("node.k8s.io/v1", "runtimeclasses", False),
    "MutatingAdmissionPolicy": ("admissionregistration.k8s.io/v1", "mutatingadmissionpolicies", False),
    "MutatingAdmissionPolicyBinding": (
        "admissionregistration.k8s.io/v1",
        "mutatingadmissionpolicybindings",
        False,
    ),
    "Lease": ("coordination.k8s.io/v1", "leases", True),
    "HTTPRoute": ("gateway.networking.k8s.io/v1", "httproutes", True),
}
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job")
_KEEPS_TASKS = "fogflow-k8s.io/keeps-tasks"  # the chart sets it on the native worker
_ROOT_CA = "kube-root-ca.crt"  # Kubernetes creates it in every namespace, shortly after the namespace


@dataclass(frozen=True, order=True)
class Reference:
    """An object (or one key in it) that a pod cannot start without. `by` is the component that refers to it."""

    kind: str
    name: str
    key: str = ""
    by: str = ""


def split(text: str) -> list[dict[str, Any]]:
    """The objects of a multi-document YAML text without Helm's hooks, as in a release's manifest."""
    return [obj for obj in every(text) if not hook_of(obj)]


def every(text: str) -> list[dict[str, Any]]:
    """The objects of a multi-document YAML text, including Helm's hooks."""
    import yaml

    return [d for d in yaml.load_all(text, Loader=safe_loader()) if isinstance(d, dict)]


def safe_loader() -> Any:
    """PyYAML's safe loader: the one in C, which is ten times faster, where PyYAML has it."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def hook_of(obj: Obj) -> str:
    """The events at which Helm creates the object (pre-delete, test, ...); "" for an object that is not a hook."""
    return str(annotations_of(obj).get("helm.sh/hook") or "")


def key_of(obj: Obj) -> tuple[str, str, str]:
    """(kind, namespace, name), which identify an object across two manifests."""
    metadata = metadata_of(obj)
    return str(obj.get("kind")), str(metadata.get("namespace") or ""), str(metadata.get("name"))


def component_of(obj: Obj) -> str:
    """The component of an object, from its label; without the label, the object's name."""
    metadata = metadata_of(obj)
    return str((metadata.get("labels") or {}).get(COMPONENT) or metadata.get("name") or "")


def workloads(objects: Iterable[Obj]) -> list[Obj]:
    """The objects that create pods."""
    return [o for o in objects if o.get("kind") in WORKLOADS]


def keeps_tasks(worker: Obj) -> bool:
    """Whether a worker's tasks continue without it, so that its restart requires no restart of other components, nor theirs of it."""
    return annotations_of(worker).get(_KEEPS_TASKS) == "true"


def images(objects: Iterable[Obj]) -> dict[str, str]:
    """Component -> image of its first container."""
    return {
        component_of(o): str((pod_spec(o).get("containers") or [{}])[0].get("image", "")) for o in workloads(objects)
    }


def pod_spec(workload: Obj) -> Obj:
    """The pod specification inside a workload (or a Pod)."""
    spec = spec_of(workload)
    return spec if workload.get("kind") == "Pod" else spec_of(spec.get("template") or {})


def pod_specs(objects: Iterable[Obj]) -> dict[str, Obj]:
    """The pod specifications of the workloads, by component."""
    return {component_of(o): pod_spec(o) for o in workloads(objects)}


def replicas(objects: Iterable[Obj], component: str) -> int:
    """The number of pods that the workloads of a component ask for."""
    return sum(int(spec_of(o).get("replicas", 1)) for o in workloads(objects) if component_of(o) == component)


def missing_references(objects: Sequence[Obj]) -> list[Reference]:
    """The objects that the workloads refer to and the manifests do not contain; only the cluster can tell whether they exist."""
    brought = {(str(o.get("kind")), str(metadata_of(o).get("name"))): o for o in objects}
    wanted = {r for o in workloads(objects) for r in _wanted_by(o)}
    claims = [o for o in objects if o.get("kind") == "PersistentVolumeClaim"]
    claims += [
        c for o in objects if o.get("kind") == "StatefulSet" for c in o["spec"].get("volumeClaimTemplates") or []
    ]
    wanted |= {
        Reference("StorageClass", str(o["spec"]["storageClassName"]), by=component_of(o))
        for o in claims
        if spec_of(o).get("storageClassName")
    }
    wanted |= {
        Reference("IngressClass", str(o["spec"]["ingressClassName"]), by=component_of(o))
        for o in objects
        if o.get("kind") == "Ingress" and spec_of(o).get("ingressClassName")
    }
    return sorted(r for r in wanted if not _brought(r, brought))


def lacks_key(reference: Reference, obj: Obj) -> bool:
    """Whether the object lacks the key that the reference names."""
    if not reference.key:
        return False
    return not any(reference.key in (obj.get(part) or {}) for part in ("data", "stringData", "binaryData"))


def _brought(reference: Reference, brought: Mapping[tuple[str, str], Obj]) -> bool:
    obj = brought.get((reference.kind, reference.name))
    return obj is not None and not lacks_key(reference, obj)


def _wanted_by(workload: Obj) -> Iterator[Reference]:
    by, spec = component_of(workload), pod_spec(workload)
    for each in spec.get("imagePullSecrets") or []:
        yield Reference("Secret", str(each.get("name")), by=by)
    if spec.get("priorityClassName") and not str(spec["priorityClassName"]).startswith("system-"):
        yield Reference("PriorityClass", str(spec["priorityClassName"]), by=by)
    if spec.get("runtimeClassName"):
        yield Reference("RuntimeClass", str(spec["runtimeClassName"]), by=by)
    for volume in spec.get("volumes") or []:
        yield from _wanted_by_volume(volume, by)
    for container in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
        for source in container.get("envFrom") or []:
            yield from _of(source.get("secretRef"), "Secret", by)
            yield from _of(source.get("configMapRef"), "ConfigMap", by)
        for env in container.get("env") or []:
            source = env.get("valueFrom") or {}
            yield from _of(source.get("secretKeyRef"), "Secret", by)
            yield from _of(source.get("configMapKeyRef"), "ConfigMap", by)


def _wanted_by_volume(volume: Obj, by: str) -> Iterator[Reference]:
    sources = [volume, *((volume.get("projected") or {}).get("sources") or [])]
    for source in sources:
        secret, config = source.get("secret"), source.get("configMap")
        if secret and not secret.get("optional"):
            name = str(secret.get("secretName") or secret.get("name"))
            yield from (Reference("Secret", name, key, by) for key in _keys(secret))
        if config and not config.get("optional") and config.get("name") != _ROOT_CA:
            yield from (Reference("ConfigMap", str(config.get("name")), key, by) for key in _keys(config))
    if volume.get("persistentVolumeClaim"):
        yield Reference("PersistentVolumeClaim", str(volume["persistentVolumeClaim"].get("claimName")), by=by)


def _keys(source: Obj) -> list[str]:
    return [str(item.get("key")) for item in source.get("items") or []] or [""]


def _of(source: Obj | None, kind: str, by: str) -> Iterator[Reference]:
    if source and not source.get("optional"):
        yield Reference(kind, str(source.get("name")), str(source.get("key") or ""), by)
