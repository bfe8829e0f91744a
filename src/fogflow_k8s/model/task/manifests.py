"""The Deployment, the Service and the ConfigMap of a task, as the native worker creates them. Pure.

The input is the record of a task and the environment of its worker (`TaskEnvironment`: namespace, broker, defaults of the
chart's values). Every task listens on the same port behind a Service of its own, so it uses no port of the node. Its pod
meets Pod Security `restricted`, unless the parameters of the operator request root.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.task.fogflow_task import PORT
from fogflow_k8s.model.task.record import TASK, WORKER, TaskRecord, labels, record_annotations

CODE = "function.js"
CODE_PATH = f"/app/{CODE}"
CODE_HASH = "fogflow-k8s.io/code"
GRACE_S = 10
PRE_STOP_S = 2
"""A pod that ends still serves for this many seconds, because the broker may be sending a notification to it."""
LOST_NODE_S = 30
NO_DEADLINE_S = 2**31 - 1
"""With this deadline the Deployment has no Progressing condition to update: the worker reads the pods, and saves writes."""
_USER = 65532


@dataclass(frozen=True)
class TaskEnvironment:
    """Where and how the tasks of one worker run.

    `owner` is the name and uid of a ConfigMap: when it is deleted, the garbage collector deletes the tasks' objects.
    `requests` and `limits` are the defaults for a task's container.
    """

    worker: str
    namespace: str
    broker_url: str
    owner: tuple[str, str] | None = None
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: Sequence[Obj] = ()
    pull_secrets: Sequence[str] = ()
    requests: Mapping[str, str] = field(default_factory=lambda: {"cpu": "10m", "memory": "32Mi"})
    limits: Mapping[str, str] = field(default_factory=lambda: {"memory": "256Mi"})

    def reference(self, record: TaskRecord) -> str:
        """The URL to which the broker sends notifications for a task. It stays the same when the pod is replaced."""
        return f"http://{record.name}.{self.namespace}.svc:{PORT}"


def deployment(record: TaskRecord, environment: TaskEnvironment, *, active: bool) -> dict[str, Any]:
    """The Deployment of a task; without a pod (not `active`) while the task is paused or the worker is full."""
    metadata = _metadata(record, environment)
    code_hash = record.task.code_hash
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**metadata, "annotations": record_annotations(record)},
        "spec": {
            "replicas": int(active),
            "revisionHistoryLimit": 0,
            "progressDeadlineSeconds": NO_DEADLINE_S,
            "strategy": {"type": "Recreate"},  # two pods at the same time would both publish
            "selector": {"matchLabels": _selector(environment, record)},
            "template": {
                "metadata": {"labels": metadata["labels"], "annotations": {CODE_HASH: code_hash} if code_hash else {}},
                "spec": _pod(record, environment),
            },
        },
    }


def service(record: TaskRecord, environment: TaskEnvironment) -> dict[str, Any]:
    """The Service of a task: the port for notifications, and the ports on which the operator serves other programs."""
    extra = [{"name": f"service-{p}", "port": p, "targetPort": p} for p in record.task.service_ports]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(record, environment),
        "spec": {
            "selector": _selector(environment, record),
            "ports": [{"name": "ngsi", "port": PORT, "targetPort": "ngsi"}, *extra],
        },
    }


def config_map(
    record: TaskRecord, environment: TaskEnvironment, *, code: str = "", with_record: bool = False
) -> dict[str, Any]:
    """The source code of the function; `with_record`: also the record, when its Deployment cannot be created."""
    metadata = _metadata(record, environment)
    if with_record:
        metadata["annotations"] = record_annotations(record)
    data = {"data": {CODE: code}} if code else {}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **data}


def code_digest(code: str) -> str | None:
    """A hash of the function's source code; None when there is no code."""
    return hashlib.sha256(code.encode()).hexdigest()[:16] if code else None


def admin_config(record: TaskRecord, environment: TaskEnvironment) -> str:
    """The variable `adminCfg`, from which a FogFlow operator reads its broker, its id, its address and its outputs."""
    commands: list[dict[str, str]] = [
        {"command": "CONNECT_BROKER", "brokerURL": environment.broker_url},
        {"command": "SET_CORRELATORID", "correlatorID": record.id},
        {"command": "SET_REFERENCE", "url": environment.reference(record)},
    ]
    commands += [{"command": "SET_OUTPUTS", "type": each.type, "id": each.id} for each in record.task.outputs]
    return json.dumps(commands)


def _selector(environment: TaskEnvironment, record: TaskRecord) -> dict[str, str]:
    return {key: value for key, value in labels(environment.worker, record).items() if key in {TASK, WORKER}}


def _metadata(record: TaskRecord, environment: TaskEnvironment) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": record.name,
        "namespace": environment.namespace,
        "labels": labels(environment.worker, record),
    }
    if environment.owner:
        name, uid = environment.owner
        metadata["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid}]
    return metadata


def _pod(record: TaskRecord, environment: TaskEnvironment) -> dict[str, Any]:
    as_root = dict(record.task.parameters).get("run-as-root") == "true"
    tolerated = [
        {"key": f"node.kubernetes.io/{why}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": LOST_NODE_S}
        for why in ("not-ready", "unreachable")
    ]  # fmt: skip
    seccomp = {"seccompProfile": {"type": "RuntimeDefault"}}
    unprivileged = {"runAsNonRoot": True, "runAsUser": _USER, "runAsGroup": _USER}
    spec: dict[str, Any] = {
        "containers": [_container(record, environment, as_root=as_root)],
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,  # the variables for a thousand Services exceed the size of an environment
        "terminationGracePeriodSeconds": GRACE_S,
        "tolerations": [*tolerated, *environment.tolerations],
        "securityContext": seccomp if as_root else {**unprivileged, **seccomp},
    }
    if record.task.code_hash:
        spec["volumes"] = [{"name": "code", "configMap": {"name": record.name}}]
    if environment.node_selector:
        spec["nodeSelector"] = dict(environment.node_selector)
    if environment.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in environment.pull_secrets]
    return spec


def _container(record: TaskRecord, environment: TaskEnvironment, *, as_root: bool) -> dict[str, Any]:
    task, parameters = record.task, dict(record.task.parameters)
    container: dict[str, Any] = {
        "name": "task",
        "image": task.image or "",
        "imagePullPolicy": "IfNotPresent",
        "ports": [
            {"name": "ngsi", "containerPort": PORT},
            *({"name": f"service-{p}", "containerPort": p} for p in task.service_ports),
        ],
        "env": [
            {"name": "myport", "value": str(PORT)},
            {"name": "adminCfg", "value": admin_config(record, environment)},
        ],
        "readinessProbe": {"tcpSocket": {"port": "ngsi"}, "periodSeconds": 1, "failureThreshold": 3},
        "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP_S}}},
        "resources": {
            "requests": {**environment.requests, **_quantities(parameters, "request")},
            "limits": {**environment.limits, **_quantities(parameters, "limit")},
        },
    }
    if not as_root:
        container["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    if task.code_hash:
        container["volumeMounts"] = [{"name": "code", "mountPath": CODE_PATH, "subPath": CODE, "readOnly": True}]
    return container


def _quantities(parameters: Mapping[str, str], end: str) -> dict[str, str]:
    """The quantities that the operator sets with parameters like `cpu-request` or `memory-limit`."""
    return {what: parameters[f"{what}-{end}"] for what in ("cpu", "memory") if parameters.get(f"{what}-{end}")}
