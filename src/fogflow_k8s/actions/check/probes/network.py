"""Probes of addresses, ports and names: whether users reach FogFlow, and whether its components find each other."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from fogflow_k8s.actions.check.probes import unless_forbidden
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.preconditions import external_ports
from fogflow_k8s.actions.preconditions.apiserver import NAME_SERVERS
from fogflow_k8s.engine.checks import CheckOutcome
from fogflow_k8s.model.kubernetes import Obj, labels_of, status_of
from fogflow_k8s.model.manifests import component_of

_GKE = "cloud.google.com/gke-"  # of the labels of its nodes


def external_ips_lead_here(op: Operation, objects: Sequence[Obj]) -> CheckOutcome:
    """Every external IP is an address of a node. Otherwise the network outside the cluster must route it to a node."""
    wanted = sorted(
        {str(ip) for o in objects if o.get("kind") == "Service" for ip in o["spec"].get("externalIPs") or []}
    )
    if not wanted:
        return CheckOutcome(True, "none requested")
    useless = [ip for ip in wanted if (a := ipaddress.ip_address(ip)).is_loopback or a.is_unspecified or a.is_multicast]
    if useless:
        return CheckOutcome(False, f"{', '.join(useless)} can never be reached from outside", "--external-ip with an address of a node, or one that is routed to a node")  # fmt: skip
    if op.nodes is None:
        return CheckOutcome(None, "no permission to list nodes, so their addresses are not known")
    nodes = {str(a.get("address")) for n in op.nodes for a in status_of(n).get("addresses") or []}
    if foreign := [ip for ip in wanted if ip not in nodes]:
        detail = f"{', '.join(foreign)}: no node has this address, so it works only if your network routes it to a node"
        return CheckOutcome(False, detail, "kubectl get nodes -o wide shows the nodes' own addresses")
    return CheckOutcome(True, f"{', '.join(wanted)}: an address of a node")


def ports_free(op: Operation, objects: Sequence[Obj]) -> CheckOutcome:
    """No other Service claims the same port of the same external IP, or the same node port."""
    mine = external_ports.claims(objects)
    if not mine:
        return CheckOutcome(True, "none requested")
    taken = unless_forbidden(
        lambda: external_ports.taken(op, objects), "no permission to list the Services of all namespaces"
    )
    if taken:
        return CheckOutcome(
            False, "taken: " + ", ".join(taken), "choose another address or port, or remove the other Service"
        )
    return CheckOutcome(True, ", ".join(sorted(mine)))


def names_resolve(op: Operation) -> CheckOutcome:
    """The cluster's DNS has ready endpoints: FogFlow's components find each other by name."""
    slices = unless_forbidden(
        lambda: [s for namespace, label in NAME_SERVERS for s in op.cluster.list("EndpointSlice", namespace, label)],
        "no permission to list EndpointSlices in kube-system and openshift-dns",
    )
    ready = sum(bool((e.get("conditions") or {}).get("ready", True)) for s in slices for e in s.get("endpoints") or [])
    if ready:
        return CheckOutcome(True, f"{ready} ready endpoint(s)")
    if op.simulated:
        return CheckOutcome(None, "the nodes are simulated: the cluster has no DNS, and no container needs it")
    if not slices and any(key.startswith(_GKE) for node in op.nodes or () for key in labels_of(node)):
        return CheckOutcome(
            None,
            "a GKE cluster without kube-dns: Cloud DNS resolves names outside the cluster, where it cannot be checked",
        )
    return CheckOutcome(False, "the cluster's DNS has no ready endpoint, and FogFlow's components find each other by name",
                 "kubectl -n kube-system get pods -l k8s-app=kube-dns")  # fmt: skip


def address_given(op: Operation, objects: Sequence[Obj]) -> CheckOutcome:
    """The reverse proxy's Service of type LoadBalancer, or its Ingress, has an address (only after the install)."""
    waiting = []
    for obj in objects:
        balanced = obj.get("kind") == "Service" and obj["spec"].get("type") == "LoadBalancer"
        if not (balanced or (obj.get("kind") == "Ingress" and component_of(obj) == "nginx")):
            continue
        live = op.cluster.get(str(obj["kind"]), str(obj["metadata"]["name"]), op.namespace) or {}
        if not (status_of(live).get("loadBalancer") or {}).get("ingress"):
            waiting.append(f"{obj['kind']} {obj['metadata']['name']}")
    if waiting:
        return CheckOutcome(False, f"{', '.join(waiting)} has no address yet",
                     "check that a load balancer or ingress controller runs: kubectl get pods -A; or use --expose node-port, which needs none")  # fmt: skip
    return CheckOutcome(True, "has an address, or needs none")
