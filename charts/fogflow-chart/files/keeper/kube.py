"""The calls to the API server that the keeper and the cleanup hook make. The chart's Roles allow exactly these; a test compares them.

It uses the pod's service account. The client is made of the standard library, because the pod's image has nothing else.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from http_json import Refused, Server
from snapshot import TASK_PREFIX, Pod, component

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_NAME, _INSTANCE = "app.kubernetes.io/name", "app.kubernetes.io/instance"
_INDEX = "apps.kubernetes.io/pod-index"
_TASK, _DESIRED = "fogflow-k8s.io/task", "fogflow-k8s.io/desired"
"""Annotations of the native worker: the task as the master sent it, and whether it should exist."""
_LARGEST = 1_000_000
"""Bytes of a Secret's data, below Kubernetes' limit of 1 MiB."""
_NOT_FOUND, _CONFLICT = 404, 409


def api_server() -> str:
    """The URL of the API server; by name where the variables are missing, as when the kubelet had just started."""
    host = os.environ.get("KUBERNETES_SERVICE_HOST", "kubernetes.default.svc")
    return f"https://{f'[{host}]' if ':' in host else host}:{os.environ.get('KUBERNETES_SERVICE_PORT', '443')}"


class Task(NamedTuple):
    """What a task's Deployment tells of it."""

    topology: str = ""
    """Where the native worker noted it."""
    id: str = ""
    """The id that the worker gives the task's program, in the form of upstream's worker."""


class Kube:
    """A client for the release's namespace and the namespace of its tasks."""

    _sets: frozenset[str] = frozenset()
    """Components that are StatefulSets, by the labels of their pods."""
    _uids: Mapping[str, str] = MappingProxyType({})
    """Uids of the pods that were listed last, by name: in a StatefulSet the next pod has the same name and must not be deleted instead."""

    def __init__(self, namespace: str, tasks_namespace: str, release: str) -> None:
        tls = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))
        # Python 3.13 requires certificate extensions that the authorities of many clusters lack; clients in Go do not
        tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
        self._server = Server(api_server(), tls=tls)
        self.namespace, self.tasks_namespace, self.release = namespace, tasks_namespace, release

    def _call(self, method: str, path: str, body: object = None, content: str = "application/json") -> Any:
        token = (_ACCOUNT / "token").read_text(encoding="utf-8")  # the kubelet renews it
        return self._server.call(method, path, body, {"Authorization": f"Bearer {token}", "Content-Type": content})

    def pods(self) -> dict[str, tuple[Pod, ...]]:
        """The pods of the release, by member and oldest first. Raises http_json.ERRORS."""
        query = f"labelSelector={_INSTANCE}%3D{self.release}&resourceVersion=0"
        found: dict[str, list[Mapping[str, Any]]] = {}
        sets = set()
        for pod in self._call("GET", f"/api/v1/namespaces/{self.namespace}/pods?{query}")["items"]:
            labels = pod["metadata"]["labels"]
            if _INDEX in labels:
                sets.add(labels.get(_NAME, ""))
            if pod.get("status", {}).get("phase") not in {"Failed", "Succeeded"}:
                found.setdefault(_member(labels), []).append(pod)
        self._sets = frozenset(sets)
        self._uids = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pods in found.values() for pod in pods}
        return {
            name: tuple(_pod(pod) for pod in sorted(pods, key=lambda one: one["metadata"]["creationTimestamp"]))
            for name, pods in found.items()
        }

    def delete_pod(self, name: str, grace_s: int | None) -> None:
        """Delete a pod; one that no longer exists is no error. Raises http_json.ERRORS."""
        body: dict[str, Any] = {"gracePeriodSeconds": grace_s} if grace_s is not None else {}
        if uid := self._uids.get(name):
            body["preconditions"] = {"uid": uid}
        self._delete(f"/api/v1/namespaces/{self.namespace}/pods/{name}", body)

    def tasks(self) -> dict[str, Task]:
        """The tasks by the names of their Deployments. Raises http_json.ERRORS."""
        path = f"/apis/apps/v1/namespaces/{self.tasks_namespace}/deployments?resourceVersion=0"
        found = [one for one in self._call("GET", path)["items"] if not one["metadata"].get("deletionTimestamp")]
        named = {one["metadata"]["name"]: one for one in found}
        return {name: _task(one) for name, one in named.items() if name.startswith(TASK_PREFIX)}

    def services(self) -> frozenset[str]:
        """The names of the tasks' Services. Raises http_json.ERRORS."""
        items = self._call("GET", f"/api/v1/namespaces/{self.tasks_namespace}/services?resourceVersion=0")["items"]
        names = (item["metadata"]["name"] for item in items if not item["metadata"].get("deletionTimestamp"))
        return frozenset(name for name in names if name.startswith(TASK_PREFIX))

    def ask_to_remove(self, name: str) -> None:
        """Annotate a task's Deployment: the native worker then removes the task with all of its objects. Raises http_json.ERRORS."""
        path = f"/apis/apps/v1/namespaces/{self.tasks_namespace}/deployments/{name}"
        try:
            self._call(
                "PATCH", path, {"metadata": {"annotations": {_DESIRED: "removed"}}}, "application/merge-patch+json"
            )
        except Refused as error:
            if error.status != _NOT_FOUND:
                raise

    def delete_task(self, name: str, *, more: bool = False) -> None:
        """Delete a task's Deployment and Service, with `more` also its ConfigMap. Raises http_json.ERRORS."""
        where = f"namespaces/{self.tasks_namespace}"
        self._delete(f"/apis/apps/v1/{where}/deployments/{name}", {"propagationPolicy": "Background"})
        self._delete(f"/api/v1/{where}/services/{name}", {})
        if more:
            self._delete(f"/api/v1/{where}/configmaps/{name}", {})

    def _delete(self, path: str, body: Mapping[str, Any]) -> None:
        try:
            self._call("DELETE", path, {"kind": "DeleteOptions", "apiVersion": "v1", **body})
        except Refused as error:
            if error.status not in {_NOT_FOUND, _CONFLICT}:  # it does not exist, or another one has its name
                raise

    def write_report(self, report: Mapping[str, Any]) -> None:
        """Write the health report into the ConfigMap that the chart creates for it. Raises http_json.ERRORS."""
        path = f"/api/v1/namespaces/{self.namespace}/configmaps/{self.release}-health"
        data = {"data": {"health.json": json.dumps(report, separators=(",", ":"))}}
        self._call("PATCH", path, data, "application/merge-patch+json")

    def load_memory(self) -> dict[str, Any]:
        """What the previous keeper stored; empty when it stored nothing. Raises http_json.ERRORS."""
        secret = self._call("GET", f"/api/v1/namespaces/{self.namespace}/secrets/{self.release}-keeper")
        packed = (secret.get("data") or {}).get("memory.json.gz")
        return dict(json.loads(gzip.decompress(base64.b64decode(packed)))) if packed else {}

    def store_memory(self, memory: Mapping[str, Any]) -> str:
        """Store it in the Secret; returns why it could not be stored, or an empty string. Raises http_json.ERRORS."""
        packed = base64.b64encode(gzip.compress(json.dumps(memory, separators=(",", ":")).encode(), mtime=0)).decode()
        if len(packed) > _LARGEST:
            return f"the compressed state has {len(packed) >> 10} KiB, and a Secret holds {_LARGEST >> 10}: it is kept in memory only"
        path = f"/api/v1/namespaces/{self.namespace}/secrets/{self.release}-keeper"
        self._call("PATCH", path, {"data": {"memory.json.gz": packed}}, "application/merge-patch+json")
        return ""

    def publish_event(self, member: str, pod: str, reason: str, message: str) -> None:
        """Publish an Event about a pod, or about the workload when `pod` is empty. Raises http_json.ERRORS."""
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        name = component(member)
        kind = "StatefulSet" if name in self._sets else "Deployment"
        about = {"kind": "Pod", "name": pod} if pod else {"kind": kind, "apiVersion": "apps/v1", "name": name}
        body = {
            "metadata": {"generateName": "keeper-", "namespace": self.namespace},
            "involvedObject": {**about, "namespace": self.namespace},
            "type": "Normal",
            "reason": reason,
            "message": message[:1000],
            "source": {"component": "fogflow-keeper"},
            "firstTimestamp": at,
            "lastTimestamp": at,
            "count": 1,
        }
        self._call("POST", f"/api/v1/namespaces/{self.namespace}/events", body)

    def scale(self, name: str, replicas: int, plural: str = "deployments") -> None:
        """Scale a Deployment, or a workload of another kind; used by the cleanup hook only. Raises http_json.ERRORS."""
        path = f"/apis/apps/v1/namespaces/{self.namespace}/{plural}/{name}"
        self._call("PATCH", path, {"spec": {"replicas": replicas}}, "application/merge-patch+json")


def _member(labels: Mapping[str, str]) -> str:
    """The member's name: the component, with the pod's index unless that is 0."""
    name, index = labels.get(_NAME, ""), labels.get(_INDEX, "0")
    return name if index == "0" else f"{name}-{index}"


def _task(deployment: Mapping[str, Any]) -> Task:
    try:
        noted = json.loads((deployment["metadata"].get("annotations") or {}).get(_TASK) or "{}")
        topology = str(noted.get("TopologyName") or "")
    except (ValueError, AttributeError):
        topology = ""
    try:
        variables = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
        commands = next(json.loads(each["value"]) for each in variables if each["name"] == "adminCfg")
        return Task(topology, next(str(one["correlatorID"]) for one in commands if "correlatorID" in one))
    except (KeyError, IndexError, TypeError, ValueError, StopIteration):
        return Task(topology)  # of a build of FogFlow that tells its tasks something else


def _pod(pod: Mapping[str, Any]) -> Pod:
    status = pod.get("status", {})
    containers = status.get("containerStatuses") or [{}]
    return Pod(
        name=pod["metadata"]["name"],
        identity=f"{pod['metadata']['uid']}/{containers[0].get('restartCount', 0)}",
        started=all("running" in (one.get("state") or {}) and one.get("started", True) for one in containers),
        ready=any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or []),
        deleting="deletionTimestamp" in pod["metadata"],
    )
