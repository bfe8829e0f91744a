"""Task Deployments as the native and the upstream worker create them, and their pods."""

import hashlib
import json

ADMIN = [
    {"command": "CONNECT_BROKER", "brokerURL": "http://cloud-broker:8070/ngsi10"},
    {"command": "SET_CORRELATORID", "correlatorID": "Task.f1.count.123"},
    {"command": "SET_REFERENCE", "url": "http://x:1"},
    {"command": "SET_OUTPUTS", "type": "Count", "id": "Count.123.1"},
]


def ours(
    id_="Task.f1.count.123",
    state="running",
    *,
    ready=True,
    reason="",
    desired="present",
    image="r.example/count:1",
    topology="f1",
):
    """A task Deployment of the native worker."""
    key = hashlib.sha256(id_.encode()).hexdigest()[:16]
    task = {
        "ID": id_, "TopologyName": topology, "TaskName": "count", "ServiceIntentID": "ServiceIntent.1", "OperatorName": "count",
        "DockerImage": image, "Parameters": [], "Inputs": [{"Type": "Temperature", "ID": "T1", "AttributeList": None}],
        "Outputs": [{"Type": "Count", "StreamID": "Count.123.1", "Annotations": None}], "PriorityLevel": 0, "IsExclusive": False,
    }  # fmt: skip
    labels = {
        "app.kubernetes.io/name": "fogflow-task", "fogflow-k8s.io/worker": "Worker.001", "fogflow-k8s.io/task": key,
        "fogflow-k8s.io/topology": topology,
    }  # fmt: skip
    notes = {
        "fogflow-k8s.io/task": json.dumps(task),
        "fogflow-k8s.io/status": json.dumps({"state": state, "reason": reason}),
        "fogflow-k8s.io/desired": desired,
    }
    return deployment(f"fogflow-task-{key}", labels, {"fogflow-k8s.io/task": key}, image, notes=notes, ready=ready)


def upstreams(port=40001, admin=ADMIN, *, ready=True):
    """A task Deployment of the upstream worker: no annotation, a label that is a name, the identity in the environment."""
    labels = {"app": f"fogflow-task-{port}"}
    env = [{"name": "myport", "value": str(port)}, {"name": "adminCfg", "value": json.dumps(admin)}]
    return deployment(f"fogflow-task-{port}", {}, labels, "fogflow/count:1", env=env, ready=ready)


def deployment(name, labels, selector, image, *, notes=None, env=(), ready=True):
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "fogflow-tasks", "labels": labels, "annotations": notes or {}, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": selector},
            "template": {"metadata": {"labels": selector}, "spec": {"containers": [{"name": "task", "image": image, "env": list(env)}]}},
        },
        "status": {"readyReplicas": 1} if ready else {},
    }  # fmt: skip


def pod(of, *, waiting="", restarts=0):
    """The pod of a task: ready, or waiting for that reason."""
    state = {"waiting": {"reason": waiting, "message": "so says the kubelet"}} if waiting else {"running": {}}
    return {
        "kind": "Pod",
        "metadata": {"name": f"{of['metadata']['name']}-abc", "namespace": "fogflow-tasks", "labels": of["spec"]["selector"]["matchLabels"]},
        "spec": {"nodeName": "n1", "containers": of["spec"]["template"]["spec"]["containers"]},
        "status": {
            "phase": "Pending" if waiting else "Running",
            "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False" if waiting else "True"}],
            "containerStatuses": [{"name": "task", "image": "x", "restartCount": restarts, "ready": not waiting, "state": state}],
        },
    }  # fmt: skip
