"""The addresses of the dashboard for every exposure, with IP addresses and host names, as far as the cluster knows them."""

import pytest

from fogflow_k8s.actions.observe.addresses import Address, addresses
from fogflow_k8s.errors import ClusterError
from tests.unit.actions.world import HOME, World

BUDGET_S = 5
LABELS = {"app.kubernetes.io/component": "nginx"}


@pytest.fixture
def world():
    made = World()
    made.cluster.objects.pop(("Node", "", "one"))
    return made


def obj(kind, spec, *, name="nginx", namespace=HOME, **status):
    """An object as the manifests have it, and with its status as the cluster has it."""
    return {
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "labels": LABELS},
        "spec": spec,
        "status": status,
    }


def node(name, ready="True", **given):
    conditions = [{"type": "Ready", "status": ready}]
    listed = [{"type": kind, "address": host} for kind, host in given.items()]
    return {"kind": "Node", "metadata": {"name": name}, "status": {"conditions": conditions, "addresses": listed}}


def found(world, wanted, *live):
    for each in live:
        world.cluster.objects[each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]] = each
    return [a.url for a in addresses(world.op(), [wanted])]


def balancer(*given):
    return {"loadBalancer": {"ingress": list(given)}}


def service(kind, *, status=None, **spec):
    return obj("Service", {"type": kind, "ports": [{"name": "http", "port": 80, **spec}]}, **(status or {}))


@pytest.mark.parametrize(
    ("given", "urls"),
    [
        ([], []),
        ([{"ip": "192.0.2.7"}], ["http://192.0.2.7/index.html"]),
        ([{"hostname": "a1.elb.example.org"}], ["http://a1.elb.example.org/index.html"]),
        ([{"ip": "192.0.2.7", "hostname": "x.example.org", "ipMode": "VIP"}], ["http://192.0.2.7/index.html"]),
        (
            [{"ip": "192.0.2.7"}, {"ip": "2001:db8::7"}],
            ["http://192.0.2.7/index.html", "http://[2001:db8::7]/index.html"],
        ),
        ([{"ports": []}], []),
    ],
)
def test_a_load_balancer_has_an_address_or_a_host_name(world, given, urls):
    assert found(world, service("LoadBalancer"), service("LoadBalancer", status=balancer(*given))) == urls


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        (
            [node("a", InternalIP="10.0.0.1", ExternalIP="192.0.2.1"), node("b", InternalIP="10.0.0.2")],
            [("192.0.2.1", False)],
        ),
        (
            [node("a", InternalIP="10.0.0.1", Hostname="a"), node("b", InternalIP="10.0.0.2")],
            [("10.0.0.1", True), ("10.0.0.2", True)],
        ),
        ([node("a", "False", InternalIP="10.0.0.1"), node("b", InternalIP="10.0.0.2")], [("10.0.0.2", True)]),
        ([node("a", InternalIP="2001:db8::1")], [("[2001:db8::1]", True)]),
        ([node(f"n{n}", InternalIP=f"10.0.0.{n}") for n in range(50)], [(f"10.0.0.{n}", True) for n in range(3)]),
        ([node("a", Hostname="a")], []),
        ([], []),
    ],
)
def test_a_node_port_answers_at_nodes_that_are_ready_outside_ones_first(world, nodes, expected):
    wanted, live = service("NodePort"), service("NodePort", nodePort=31234)
    found(world, wanted, live, *nodes)
    assert list(addresses(world.op(), [wanted])) == [
        Address(f"http://{h}:31234/index.html", inside=i) for h, i in expected
    ]


def test_external_ips_are_in_the_manifest_and_nothing_is_asked(world):
    wanted = obj("Service", {"type": "ClusterIP", "externalIPs": ["192.0.2.1", "192.0.2.2"]})
    assert found(world, wanted) == ["http://192.0.2.1/index.html", "http://192.0.2.2/index.html"]
    assert world.cluster.calls == []


def test_other_services_are_no_dashboard(world):
    other = service("LoadBalancer")
    other["metadata"] = {"name": "edge-broker", "labels": {"app.kubernetes.io/component": "cloud-broker"}}
    assert found(world, other) == []


@pytest.mark.parametrize(
    ("host", "tls", "status", "urls"),
    [
        ("city.example.org", False, {}, ["http://city.example.org/index.html"]),
        ("city.example.org", True, balancer({"ip": "192.0.2.7"}), ["https://city.example.org/index.html"]),
        ("", False, balancer({"ip": "192.0.2.7"}), ["http://192.0.2.7/index.html"]),
        ("", True, balancer({"hostname": "x.example.org"}), ["https://x.example.org/index.html"]),
        ("", False, {}, []),
        ("*.example.org", False, balancer({"ip": "192.0.2.7"}), []),
    ],
)
def test_an_ingress_has_its_host_or_its_controllers_address(world, host, tls, status, urls):
    rule = {"http": {}} | ({"host": host} if host else {})
    spec = {"rules": [rule]} | ({"tls": [{"secretName": "t"}]} if tls else {})
    assert found(world, obj("Ingress", spec), obj("Ingress", spec, **status)) == urls


def gateway(*listeners, namespace=HOME, given=("192.0.2.9",)):
    listed = [{"name": n, "protocol": p, "port": port, **more} for n, p, port, more in listeners]
    status = [{"type": "IPAddress", "value": value} for value in given]
    return obj("Gateway", {"listeners": listed}, name="g", namespace=namespace, addresses=status)


HTTP, HTTPS = ("http", "HTTP", 80, {}), ("https", "HTTPS", 443, {})


@pytest.mark.parametrize(
    ("parent", "names", "live", "urls"),
    [
        ({}, [], gateway(HTTP), ["http://192.0.2.9/index.html"]),
        ({}, [], gateway(HTTP, HTTPS), ["http://192.0.2.9/index.html", "https://192.0.2.9/index.html"]),
        ({"sectionName": "https"}, [], gateway(HTTP, HTTPS), ["https://192.0.2.9/index.html"]),
        ({}, ["a.example.org"], gateway(("x", "HTTPS", 8443, {})), ["https://a.example.org:8443/index.html"]),
        ({}, [], gateway(("x", "HTTP", 8080, {"hostname": "b.example.org"})), ["http://b.example.org:8080/index.html"]),
        ({}, ["*.example.org"], gateway(HTTP), []),
        ({}, [], gateway(HTTP, given=("g.example.org", "2001:db8::9")), ["http://g.example.org/index.html", "http://[2001:db8::9]/index.html"]),
        ({}, [], gateway(HTTP, given=()), []),
        ({}, [], gateway(("amqp", "TCP", 5672, {})), []),
        ({"namespace": "gateways"}, [], gateway(HTTP, namespace="gateways"), ["http://192.0.2.9/index.html"]),
        ({"namespace": "elsewhere"}, ["a.example.org"], gateway(HTTP), ["http://a.example.org/index.html"]),  # not there
    ],
)  # fmt: skip
def test_a_route_is_reached_as_the_listeners_of_its_gateway_say(world, parent, names, live, urls):
    route = obj("HTTPRoute", {"parentRefs": [{"name": "g", **parent}], "hostnames": names})
    assert found(world, route, live) == urls


@pytest.mark.parametrize("kind", ["Service", "Ingress", "Gateway"])
def test_what_may_not_be_read_is_missing_and_what_fails_is_an_error(world, kind):
    wanted = {
        "Service": service("LoadBalancer"),
        "Ingress": obj("Ingress", {"rules": [{}]}),
        "Gateway": obj("HTTPRoute", {"parentRefs": [{"name": "g"}]}),
    }[kind]
    world.cluster.refuse("get", kind, 403, times=1)
    assert found(world, wanted) == []
    world.cluster.hooks.clear()
    world.cluster.refuse("get", kind, 500)
    with pytest.raises(ClusterError):
        found(world, wanted)


def test_nodes_that_may_not_be_listed_have_no_address(world):
    world.cluster.refuse("list", "Node")
    assert found(world, service("NodePort"), service("NodePort", nodePort=31234)) == []
