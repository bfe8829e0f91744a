"""Simulated nodes and pods: KWOK gives them the status of real ones, and no container runs.

modules/stages.yaml describes the states that a node or pod goes through; this module turns it into KWOK's Stage objects.
Thousands of nodes and pods fit on one machine, and annotations can simulate faults (see stages.yaml).
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fogflow_k8s.adapters.state_dir import write_private
from fogflow_k8s.errors import UsageError
from fogflow_k8s.sandbox.assets import MODULES
from fogflow_k8s.sandbox.programs import architecture, version_of

LEASE_S = 40  # a node's lease; renewed every 10 s, so that a machine that stalls for half a minute loses no node
SIMULATED_LABEL = "fogflow-k8s.io/simulated"
FAULT = "sandbox.fogflow-k8s.io/fault"
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
CONTROL_PLANE_NODE = "sandbox-control-plane"
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
LOG_LINE = "this container is simulated: it never ran and wrote nothing"
_CPU, _MEMORY = "4", "8Gi"
_POD_NETWORK = ipaddress.ip_network("10.128.0.0/9")
_NODE_NETWORK = ipaddress.ip_network("172.30.0.0/16")


def control_plane_nodes(count: int, control_planes: int, *, asked: bool | None) -> int:
    """The number of tainted nodes; as `asked`, otherwise none where no node would be left for pods, as in kind."""
    return control_planes if asked or (asked is None and count != control_planes) else 0


def node_names(count: int, *, control_planes: int) -> list[str]:
    """Return the nodes' names, in kind's style: sandbox-control-plane, sandbox-control-plane2, sandbox-worker, ..."""
    if not 1 <= count <= 5000:
        raise UsageError(f"--nodes {count}: must be from 1 to 5000", hint="for example: --nodes 3")
    if control_planes > count:
        raise UsageError(
            f"--control-planes {control_planes} is more than the number of nodes (--nodes {count})",
            hint=f"--nodes {control_planes + 2} leaves two workers",
        )
    planes = _numbered(CONTROL_PLANE_NODE, control_planes)
    return planes + _numbered("sandbox-worker", count - control_planes)


def _numbered(name: str, count: int) -> list[str]:
    return [name if number == 1 else f"{name}{number}" for number in range(1, count + 1)]


def is_control_plane(node: str) -> bool:
    """Whether the node of this name is a control plane node."""
    return node.startswith(CONTROL_PLANE_NODE)


def parse_taint(text: str, nodes: Sequence[str]) -> tuple[str, str]:
    """Return (node, taint) of `NODE=KEY[=VALUE]:EFFECT`. Raises UsageError with the part that is wrong."""
    node, _, taint = text.partition("=")
    form = "write it as --taint NODE=KEY[=VALUE]:EFFECT, such as sandbox-worker2=dedicated=edge:NoSchedule"
    if node not in nodes:
        raise UsageError(f"--taint {text}: there is no node {node!r}, only {', '.join(nodes[:5])}", hint=form)
    key, _, effect = taint.rpartition(":")
    if not re.fullmatch(r"[A-Za-z0-9][\w./-]*(=[\w.-]*)?", key) or effect not in EFFECTS:
        raise UsageError(f"--taint {text}: not a taint (the effects are {', '.join(EFFECTS)})", hint=form)
    return node, taint


def taints_by_node(texts: Sequence[str], nodes: Sequence[str]) -> dict[str, list[str]]:
    """Return the taints of each node that has any; a control plane node's usual taint comes first. Raises UsageError."""
    found = {node: [f"{CONTROL_PLANE}:NoSchedule"] for node in nodes if is_control_plane(node)}
    for node, taint in (parse_taint(text, nodes) for text in texts):
        found.setdefault(node, []).append(taint)
    return found


def node_object(name: str, nodes: Sequence[str], *, pods: int, taints: Sequence[str], port: int) -> dict[str, Any]:
    """Return the Node object to create; its index in `nodes` determines its addresses."""
    number, count = nodes.index(name), len(nodes)
    labels = {
        "type": "kwok",
        SIMULATED_LABEL: "true",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": architecture(),
    }
    if is_control_plane(name):
        labels[CONTROL_PLANE] = ""
    room = {"cpu": _CPU, "memory": _MEMORY, "pods": str(pods), "ephemeral-storage": "100Gi"}
    if pods > 110:  # for a benchmark with many pods: only their number is the limit
        room |= {"cpu": str(max(4, pods)), "memory": f"{max(8, pods)}Gi"}
    cidr = pod_network(number, count, pods)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "spec": {"podCIDR": cidr, "podCIDRs": [cidr], "taints": [taint_object(taint) for taint in taints]},
        "status": {
            "capacity": room,
            "allocatable": room,
            "addresses": [
                {"type": "InternalIP", "address": str(_NODE_NETWORK[number + 2])},
                {"type": "Hostname", "address": name},
                {"type": "InternalDNS", "address": "localhost"},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        },
    }


def pod_network(number: int, count: int, pods: int) -> str:
    """Return the network of a node's pods. Raises UsageError when the pods of all nodes do not fit into the pod network."""
    length = min(24, 32 - (pods + 1).bit_length())
    if count > 2 ** (length - _POD_NETWORK.prefixlen):
        raise UsageError(
            f"{count} nodes with {pods} pods each do not fit into {_POD_NETWORK}",
            hint="use fewer nodes, or fewer pods per node",
        )
    size = 2 ** (32 - length)
    return f"{_POD_NETWORK.network_address + number * size}/{length}"


def taint_object(text: str) -> dict[str, str]:
    """Return a taint KEY[=VALUE]:EFFECT as a Kubernetes object."""
    pair, _, effect = text.rpartition(":")
    key, _, value = pair.partition("=")
    return {"key": key, "effect": effect} | ({"value": value} if value else {})


def write_stages(folder: Path) -> None:
    """Write stages.yaml for kwok, and the log that all simulated containers share."""
    write_private(folder / "simulated.log", f"2000-01-01T00:00:00.000000000Z stdout F {LOG_LINE}\n")
    documents = [_kwok_options(), *stages(), _cluster_logs(folder)]
    write_private(folder / "stages.yaml", "\n---\n".join(json.dumps(document) for document in documents) + "\n")


def stages() -> list[dict[str, Any]]:
    """Return KWOK's Stage objects, made from modules/stages.yaml."""
    import yaml

    source = yaml.safe_load(_module_text("stages.yaml"))
    status = {
        "Node": _module_text("node-status.tpl").replace("@KUBERNETES@", version_of("k8s.io/kubernetes")),
        "Pod": _module_text("pod-facts.tpl") + _module_text("pod-status.tpl"),
    }
    kinds = [("Node", stage) for stage in source["nodes"]] + [("Pod", stage) for stage in source["pods"]]
    return [_stage(kind, stage, source["questions"], status[kind]) for kind, stage in kinds]


def _stage(kind: str, stage: Mapping[str, Any], questions: Mapping[str, str], status: str) -> dict[str, Any]:
    conditions = [
        {"jq": {"key": questions[question], "operator": "In", "values": [_answer(one) for one in answers]}}
        for question, answers in stage["when"].items()
    ]
    template = status.replace("@STAGE@", stage["name"])
    patch = {"patch": {"subresource": "status", "root": "status", "type": "strategic", "template": template}}
    steps: list[dict[str, Any]] = [{"delete": True}] if stage.get("delete") else [patch]
    steps += [{"apply": {"template": _event(stage["name"], event)}} for event in stage.get("events", [])]
    spec: dict[str, Any] = {
        "resourceRef": {"apiGroup": "v1", "kind": kind},
        "selector": {"matchExpressions": conditions},
        "steps": steps,
    }
    if "after" in stage:
        spec["delay"] = {"durationFrom": {"jq": {"expression": stage["after"]}}}
    return {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Stage", "metadata": {"name": stage["name"]}, "spec": spec}


def _answer(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _event(stage: str, event: Mapping[str, str]) -> str:
    text = _module_text("pod-facts.tpl").replace("@STAGE@", stage) + _module_text("pod-event.tpl")
    values = {
        "ID": event.get("name", event["reason"].lower()),
        "TYPE": event["type"],
        "REASON": event["reason"],
        # a block scalar needs no escapes for quotes and colons
        "MESSAGE": "|-\n  " + event["message"],
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def _kwok_options() -> dict[str, Any]:
    # KWOK's defaults are 4 each, with which ten thousand pods take minutes
    options = {"podPlayStageParallelism": 32, "nodePlayStageParallelism": 16, "nodeLeaseParallelism": 16}
    more = {"podsOnNodeSyncParallelism": 8, "enableDebuggingHandlers": True, "enableProfilingHandler": False}
    kind = {"apiVersion": "config.kwok.x-k8s.io/v1alpha1", "kind": "KwokConfiguration"}
    return kind | {"options": options | more}


def _cluster_logs(folder: Path) -> dict[str, Any]:
    log = f"{folder}/simulated.log"
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "ClusterLogs",
        "metadata": {"name": "simulated"},
        "spec": {"logs": [{"logsFile": log, "previousLogsFile": log, "follow": False}]},
    }


def _module_text(name: str) -> str:
    return (MODULES / name).read_text()
