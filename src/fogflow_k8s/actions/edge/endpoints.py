"""The endpoints that a cloud offers its edges: the addresses and ports of RabbitMQ, discovery and broker.

The chart makes a Service for each with `expose.edge`, and its policies admit the networks of `networkPolicy.edges.cidrs`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.errors import EdgeRefused, UsageError
from fogflow_k8s.model.edge.sites import SERVICES, cidrs, services, uncovered
from fogflow_k8s.model.edge.token import Endpoint
from fogflow_k8s.model.kubernetes import status_of

Objects = Sequence[Mapping[str, Any]]


def require_open(op: Operation, objects: Objects, wanted: Sequence[str]) -> None:
    """Make sure that the cloud admits edges, and those from the networks `wanted`. Raises EdgeRefused with the command for it."""
    absent = [name for what, name in SERVICES.items() if what not in services(objects)]
    allowed = cidrs(objects)
    if absent:
        raise EdgeRefused(
            "FK-6108",
            f"release {op.release} does not admit edges: it has no Service {', '.join(absent)}",
            hint=_turn_on(
                op,
                wanted or ("198.51.100.7/32",),
                ("--set expose.edge.type=externalIPs", "--set 'expose.edge.externalIPs={ADDRESS-OF-THIS-CLUSTER}'"),
            ),
        )
    try:
        closed = uncovered(wanted, allowed)
    except ValueError as error:
        raise UsageError(f"--edge-cidr {error}", hint="--edge-cidr 198.51.100.7/32") from error
    if closed:
        raise EdgeRefused(
            "FK-6108",
            f"the cloud's network policies do not admit {', '.join(closed)}",
            hint=_turn_on(op, (*allowed, *closed), ()),
        )


def endpoints(op: Operation, objects: Objects, external_ip: str) -> dict[str, Endpoint]:
    """The addresses at which edges reach RabbitMQ, discovery and broker. Raises EdgeRefused, UsageError."""
    found = {what: _endpoint(op, service, external_ip) for what, service in services(objects).items()}
    for what, end in found.items():
        inside = int(services(objects)[what]["spec"]["ports"][0]["port"])
        if what == "broker" and end.port != inside:
            raise EdgeRefused(
                "FK-6108",
                f"the broker listens on {inside}, but edges would connect to {end.port}: FogFlow announces the port on which it listens",
                hint="--set expose.edge.type=loadBalancer or externalIPs; or use the same port for both: --set config.broker.http_port=30070 "
                "--set expose.edge.nodePorts.broker=30070",
            )
    return found


def _endpoint(op: Operation, service: Mapping[str, Any], external_ip: str) -> Endpoint:
    spec, port = service["spec"], service["spec"]["ports"][0]
    name = str(service["metadata"]["name"])
    if spec.get("externalIPs"):
        return Endpoint(external_ip or str(spec["externalIPs"][0]), int(port["port"]))
    alive = op.cluster.get("Service", name, op.namespace) or {}
    if spec["type"] == "NodePort":
        if not external_ip:
            raise UsageError(
                "edges connect to a node's port: name the node's address", hint="--external-ip ADDRESS-OF-A-NODE"
            )
        return Endpoint(external_ip, int(alive["spec"]["ports"][0]["nodePort"]))
    given = (status_of(alive).get("loadBalancer") or {}).get("ingress") or [{}]
    host = str(given[0].get("ip") or given[0].get("hostname") or "")
    if not host:
        raise EdgeRefused(
            "FK-6108", f"Service {name} has no address yet", hint=f"kubectl -n {op.namespace} get service {name}"
        )
    return Endpoint(host, int(port["port"]))


def _turn_on(op: Operation, ranges: Sequence[str], more: Sequence[str]) -> str:
    listed = ",".join(dict.fromkeys(ranges))
    words = (
        "fogflow-k8s deploy",
        f"-n {op.namespace}",
        "(your settings)",
        *more,
        f"--set 'networkPolicy.edges.cidrs={{{listed}}}'",
    )
    return " ".join(words)
