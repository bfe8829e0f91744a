"""The network policies where the cluster's name servers and API server have other ports than usual, as on OpenShift or MicroK8s.

A policy is asked after a Service's address was replaced by a pod's or a machine's: what counts is the port behind it.
"""

import contextlib
import json
import subprocess
import sys

import pytest

from fogflow_k8s.sandbox import controlplane
from fogflow_k8s.sandbox.controlplane import API_PORT
from tests.real.conftest import until
from tests.real.policed import PORTS, policed, reached
from tests.scope import only_all

pytestmark = only_all  # what it changes is everybody's in the cluster
BUDGET_S = 180
DNS, API, USUAL = 5353, 16443, 53


def _patch(box, namespace, what, *operations):
    box.kubectl("-n", namespace, "patch", *what, "--type=json", "-p", json.dumps(operations))


def _name_servers(box, before, after):
    """CoreDNS listens on another port, and its Service leads there."""
    core = box.get("-n", "kube-system", "configmap", "coredns")["data"]["Corefile"]
    moved = core.replace(f".:{before} ", f".:{after} ")
    assert moved != core
    _patch(box, "kube-system", ("configmap", "coredns"), {"op": "add", "path": "/data/Corefile", "value": moved})
    ports = [{"containerPort": after, "protocol": kind} for kind in ("UDP", "TCP")]
    where = "/spec/template/spec/containers/0/ports"
    _patch(box, "kube-system", ("deployment", "coredns"), {"op": "replace", "path": where, "value": ports})
    ends = [{"op": "add", "path": f"/spec/ports/{place}/targetPort", "value": after} for place in (0, 1)]
    _patch(box, "kube-system", ("service", "kube-dns"), *ends)
    box.kubectl("-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=90s")


def _api_server(box, port):
    where = {"op": "replace", "path": "/ports/0/port", "value": port}
    _patch(box, "default", ("endpointslice", "kubernetes"), where)


@contextlib.contextmanager
def translated(box):
    """The cluster with these ports: a load balancer on the API server's other port passes everything on."""
    spec = box.home / "load-balancer.json"
    host = box.net.host
    spec.write_text(json.dumps({"listen": f"{host}:{API}", "backends": [f"{host}:{API_PORT}"]}))
    balancer = subprocess.Popen([sys.executable, "-I", "-S", str(controlplane.LOAD_BALANCER), str(spec)])
    try:
        _api_server(box, API)
        _name_servers(box, USUAL, DNS)
        yield
    finally:
        _api_server(box, API_PORT)
        _name_servers(box, DNS, USUAL)
        balancer.kill()
        balancer.wait(10)


@pytest.fixture(scope="module")
def scene(box):
    with translated(box), policed(box, "translated", ports=(*PORTS, DNS, API)) as it:
        yield it


def _egress(scene, name):
    rules = scene.fogflow.get("networkpolicy", name)["spec"]["egress"]
    return {port["port"] for rule in rules for port in rule.get("ports", ())}


def test_deploy_found_the_ports(scene):
    assert {DNS, API} <= _egress(scene, "keeper")
    assert API_PORT not in _egress(scene, "keeper"), "what the cluster does not have stays shut"
    assert DNS in _egress(scene, "designer")
    assert API not in _egress(scene, "designer")


def test_pods_reach_both_ports_and_who_may_not_does_not(scene):
    host = (box := scene.box).net.host
    servers = [p["status"]["podIP"] for p in box.get("-n", "kube-system", "pods", "-l", "k8s-app=kube-dns")["items"]]
    wanted = {(host, API), *((address, DNS) for address in servers)}
    assert reached(scene.fogflow.pods("keeper")[0], sorted(wanted)) == wanted
    assert reached(scene.fogflow.pods("designer")[0], sorted(wanted)) == wanted - {(host, API)}


def test_fogflow_works_and_starts_anew(scene):
    assert scene.fogflow.ails() == ""
    scene.box.tool("verify", "-n", scene.namespace)
    before = {pod.key for pod in scene.guard.pods if pod.namespace == scene.namespace and pod.role != "stranger"}
    scene.box.kubectl("-n", scene.namespace, "delete", "pod", "-l", "app.kubernetes.io/part-of=fogflow", "--wait=false")
    until(lambda: not before & {pod.key for pod in scene.guard.pods}, "the old pods have gone")
    scene.fogflow.recover()
