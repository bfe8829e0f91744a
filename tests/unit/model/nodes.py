"""Small nodes and pods for the tests of topology, placement and capacity."""

from __future__ import annotations

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
TAINT = {"key": CONTROL_PLANE, "effect": "NoSchedule"}
TOLERATION = {"key": CONTROL_PLANE, "operator": "Exists"}


def node(name, *, plane=False, taints=(), ready="True", cordoned=False, labels=None, **room):
    has = {"cpu": "4", "memory": "8Gi", "pods": "110", **room}
    spec = {"taints": list(taints), **({"unschedulable": True} if cordoned else {})}
    role = {CONTROL_PLANE: ""} if plane else {}
    return {
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **role, **(labels or {})}},
        "spec": spec,
        "status": {"allocatable": has, "conditions": [{"type": "Ready", "status": ready}]},
    }


def spec(cpu="100m", memory="64Mi", **more):
    return {"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu, "memory": memory}}}], **more}


def node_affinity(*expressions, fields=()):
    term = {"matchExpressions": list(expressions), "matchFields": list(fields)}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    return {"affinity": {"nodeAffinity": required}}


def apart(**match_labels):
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": match_labels}}
    return {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}
