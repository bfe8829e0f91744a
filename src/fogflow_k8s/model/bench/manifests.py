"""The objects of one run: the ConfigMap with the generator's program and plan, and the Job whose pod runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

COMPONENT = "bench"
RUN_LABEL = "fogflow-k8s.io/bench"
RECEIVER_PORT = 8099
"""The port at which the generator receives notifications; the chart's NetworkPolicies admit the broker to it."""
CONTAINER = "bench"
PLAN_KEY = "plan.json"
FUNCTION_KEY = "function"
FOLDER = "/bench"
_KEEP_S = 600
GRACE_S = 30
"""Seconds that the generator has for the removal of its entities when its Job is deleted."""
_USER = 65532


def selector(release: str) -> str:
    """The label selector of all objects of all runs of a release."""
    return f"app.kubernetes.io/instance={release},app.kubernetes.io/component={COMPONENT}"


def name_of(release: str, run: str) -> str:
    """The name of the Job and of the ConfigMap of a run, at most 63 characters."""
    return f"{release[:40]}-bench-{run}".replace(".", "-")


def labels(release: str, run: str) -> dict[str, str]:
    """The labels of every object of a run; the first two are those that the NetworkPolicies select."""
    return {
        "app.kubernetes.io/name": COMPONENT,
        "app.kubernetes.io/instance": release,
        "app.kubernetes.io/component": COMPONENT,
        "app.kubernetes.io/managed-by": "fogflow-k8s",
        RUN_LABEL: run,
    }


def config_map(release: str, namespace: str, run: str, plan: str, modules: Mapping[str, str]) -> dict[str, Any]:
    """The program and the plan. `modules`: path below the folder -> text; keys of a ConfigMap cannot have a slash."""
    data = {key_of(path): text for path, text in modules.items()} | {PLAN_KEY: plan}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _metadata(release, namespace, run), "data": data}


def function_record(release: str, namespace: str, name: str) -> dict[str, Any]:
    """The ConfigMap that names a function of a measurement, for as long as the function may exist.

    FogFlow stores functions, not Kubernetes: without it, a measurement that was killed would leave a function that no label finds.
    """
    metadata = _metadata(release, namespace, name) | {"name": f"{release[:40]}-{name}"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {FUNCTION_KEY: name}}


def is_function_record(obj: Mapping[str, Any]) -> bool:
    """Whether the object names a function of a measurement."""
    return FUNCTION_KEY in (obj.get("data") or {})


def key_of(path: str) -> str:
    """The ConfigMap's key for a path of the program."""
    return path.replace("/", "..")


def job(
    release: str,
    namespace: str,
    run: str,
    *,
    image: str,
    paths: Sequence[str],
    limit_s: float,
    pull_secrets: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The Job: one pod, no retry, ended after `limit_s` seconds, removed by Kubernetes ten minutes after its end."""
    template = {
        "metadata": {"labels": labels(release, run)},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": GRACE_S,
            "securityContext": {
                "runAsNonRoot": True, "runAsUser": _USER, "runAsGroup": _USER, "seccompProfile": {"type": "RuntimeDefault"},
            },
            **({"imagePullSecrets": [dict(each) for each in pull_secrets]} if pull_secrets else {}),
            "containers": [_container(image)],
            "volumes": [_volume(name_of(release, run), paths)],
        },
    }  # fmt: skip
    spec = {
        "backoffLimit": 0,
        "activeDeadlineSeconds": int(limit_s),
        "ttlSecondsAfterFinished": _KEEP_S,
        "template": template,
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": _metadata(release, namespace, run), "spec": spec}


def _container(image: str) -> dict[str, Any]:
    address = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    return {
        "name": CONTAINER,
        "image": image,
        "command": ["python3", "-m", "fogflow_k8s.loadgen", f"{FOLDER}/{PLAN_KEY}"],
        "env": [
            {"name": "PYTHONPATH", "value": FOLDER},
            {"name": "PYTHONUNBUFFERED", "value": "1"},
            {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"},
            address,
        ],
        "ports": [{"name": "notify", "containerPort": RECEIVER_PORT}],
        "resources": {"requests": {"cpu": "250m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "program", "mountPath": FOLDER, "readOnly": True}],
    }


def _volume(name: str, paths: Sequence[str]) -> dict[str, Any]:
    items = [{"key": key_of(path), "path": path} for path in paths] + [{"key": PLAN_KEY, "path": PLAN_KEY}]
    return {"name": "program", "configMap": {"name": name, "items": items}}


def _metadata(release: str, namespace: str, run: str) -> dict[str, Any]:
    return {"name": name_of(release, run), "namespace": namespace, "labels": labels(release, run)}
