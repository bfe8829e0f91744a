"""The Deployment, the Service and the ConfigMap of a task, as our worker writes them. Pure.

Every task listens on one fixed port behind a Service of its own: no search for a free port, and none of the node. The pod
is `restricted` (Pod Security) unless the operator's parameters ask for root.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.task.record import PORT, TASK, WORKER, Record, labels, notes, parameters, service_ports

CODE = "function.js"
CODE_PATH = f"/app/{CODE}"
CODE_HASH = "fogflow-k8s.io/code"
GRACE_S = 10
QUIET_S = 2
"""A pod stays this long after it was told to end: the broker may still be sending to it."""
LOST_NODE_S = 30
NO_DEADLINE_S = 2**31 - 1
"""No condition is kept up to date then; the worker looks at the pods itself, and every write counts in a burst."""
_USER = 65532


@dataclass(frozen=True)
class Site:
    """Where a worker's tasks run. `owner` is a ConfigMap (name, uid): with it the garbage collector takes them away."""

    worker: str
    namespace: str
    broker_url: str
    owner: tuple[str, str] | None = None
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: Sequence[Obj] = ()
    pull_secrets: Sequence[str] = ()
    requests: Mapping[str, str] = field(default_factory=lambda: {"cpu": "10m", "memory": "32Mi"})
    limits: Mapping[str, str] = field(default_factory=lambda: {"memory": "256Mi"})

    def reference(self, record: Record) -> str:
        """The address at which the broker reaches a task. It outlives the pod."""
        return f"http://{record.name}.{self.namespace}.svc:{PORT}"


def deployment(record: Record, site: Site, *, active: bool) -> dict[str, Any]:
    """The Deployment; without a pod while the task is paused or waits for room."""
    metadata = _metadata(record, site)
    code_hash = str(record.task.get("CodeHash") or "")
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**metadata, "annotations": notes(record)},
        "spec": {
            "replicas": int(active),
            "revisionHistoryLimit": 0,
            "progressDeadlineSeconds": NO_DEADLINE_S,
            "strategy": {"type": "Recreate"},  # two at once would both publish
            "selector": {"matchLabels": _selector(site, record)},
            "template": {
                "metadata": {"labels": metadata["labels"], "annotations": {CODE_HASH: code_hash} if code_hash else {}},
                "spec": _pod(record, site, code=bool(code_hash)),
            },
        },
    }


def service(record: Record, site: Site) -> dict[str, Any]:
    """The Service: FogFlow's port, and those at which the operator serves others."""
    extra = [{"name": f"service-{p}", "port": p, "targetPort": p} for p in service_ports(record.task)]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(record, site),
        "spec": {
            "selector": _selector(site, record),
            "ports": [{"name": "ngsi", "port": PORT, "targetPort": "ngsi"}, *extra],
        },
    }


def config_map(record: Record, site: Site, *, code: str = "", keep: bool = False) -> dict[str, Any]:
    """The function's code; with `keep` the record itself, where a Deployment cannot be made."""
    kept = {"annotations": notes(record)} if keep else {}
    data = {"data": {CODE: code}} if code else {}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**_metadata(record, site), **kept}, **data}


def code_digest(code: str) -> str:
    """What changes when the function's code does; "" for none."""
    return hashlib.sha256(code.encode()).hexdigest()[:16] if code else ""


def admin_config(record: Record, site: Site) -> str:
    """What a FogFlow operator reads from `adminCfg`: whom to ask, who it is, where it is reached, what it publishes."""
    commands: list[dict[str, str]] = [
        {"command": "CONNECT_BROKER", "brokerURL": site.broker_url},
        {"command": "SET_CORRELATORID", "correlatorID": record.id},
        {"command": "SET_REFERENCE", "url": site.reference(record)},
    ]
    commands += [
        {"command": "SET_OUTPUTS", "type": str(o.get("Type", "")), "id": str(o.get("StreamID", ""))}
        for o in record.task.get("Outputs") or ()
    ]
    return json.dumps(commands)


def _selector(site: Site, record: Record) -> dict[str, str]:
    return {key: value for key, value in labels(site.worker, record).items() if key in {TASK, WORKER}}


def _metadata(record: Record, site: Site) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": record.name,
        "namespace": site.namespace,
        "labels": labels(site.worker, record),
    }
    if site.owner:
        name, uid = site.owner
        found["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid}]
    return found


def _pod(record: Record, site: Site, *, code: bool) -> dict[str, Any]:
    said = parameters(record.task)
    rooted = said.get("run-as-root") == "true"
    lost = [
        {"key": f"node.kubernetes.io/{why}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": LOST_NODE_S}
        for why in ("not-ready", "unreachable")
    ]  # fmt: skip
    spec: dict[str, Any] = {
        "containers": [_container(record, site, said, rooted=rooted, code=code)],
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,  # a variable for each of a thousand Services would be more than a start may carry
        "terminationGracePeriodSeconds": GRACE_S,
        "tolerations": [*lost, *site.tolerations],
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}
        if rooted
        else {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    if code:
        spec["volumes"] = [{"name": "code", "configMap": {"name": record.name}}]
    if site.node_selector:
        spec["nodeSelector"] = dict(site.node_selector)
    if site.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in site.pull_secrets]
    return spec


def _container(record: Record, site: Site, said: Mapping[str, str], *, rooted: bool, code: bool) -> dict[str, Any]:
    served = [{"name": f"service-{p}", "containerPort": p} for p in service_ports(record.task)]
    container: dict[str, Any] = {
        "name": "task",
        "image": str(record.task.get("DockerImage") or ""),
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"name": "ngsi", "containerPort": PORT}, *served],
        "env": [{"name": "myport", "value": str(PORT)}, {"name": "adminCfg", "value": admin_config(record, site)}],
        "readinessProbe": {"tcpSocket": {"port": "ngsi"}, "periodSeconds": 1, "failureThreshold": 3},
        "lifecycle": {"preStop": {"sleep": {"seconds": QUIET_S}}},
        "resources": {
            "requests": {**site.requests, **_asked(said, "request")},
            "limits": {**site.limits, **_asked(said, "limit")},
        },
    }
    if not rooted:
        container["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    if code:
        container["volumeMounts"] = [{"name": "code", "mountPath": CODE_PATH, "subPath": CODE, "readOnly": True}]
    return container


def _asked(said: Mapping[str, str], end: str) -> dict[str, str]:
    return {what: said[f"{what}-{end}"] for what in ("cpu", "memory") if said.get(f"{what}-{end}")}
