"""The ways from outside to the reverse proxy."""

from __future__ import annotations

import pytest

from tests.chart.shapes import of_kind


@pytest.mark.parametrize("arguments", ["externalIPs={192.0.2.1}", "Service.spec.externalIPs={192.0.2.1}"])
def test_both_spellings_of_external_ips(render, arguments):
    assert of_kind(render("--set", arguments), "Service")["nginx"]["spec"]["externalIPs"] == ["192.0.2.1"]


@pytest.mark.parametrize(
    ("kind", "service_type"),
    [("none", "ClusterIP"), ("nodePort", "NodePort"), ("loadBalancer", "LoadBalancer"), ("ingress", "ClusterIP")],
)
def test_ways_to_the_reverse_proxy(render, kind, service_type):
    manifests = render("--set", f"expose.type={kind}")
    assert of_kind(manifests, "Service")["nginx"]["spec"]["type"] == service_type
    assert bool(of_kind(manifests, "Ingress")) == (kind == "ingress")


INGRESS = "expose.type=ingress"
ISSUER = r"expose.ingress.annotations.cert-manager\.io/{}=letsencrypt"


@pytest.mark.parametrize("kind", ["issuer", "cluster-issuer"])
@pytest.mark.parametrize(("named", "secret"), [("", "nginx-tls"), ("mine", "mine")])
def test_with_cert_manager_there_is_tls(render, kind, named, secret):
    values = f"{INGRESS},expose.ingress.host=a.example.org,expose.ingress.tlsSecret={named},{ISSUER.format(kind)}"
    ingress = of_kind(render("--set", values), "Ingress")["nginx"]
    assert ingress["spec"]["tls"] == [{"secretName": secret, "hosts": ["a.example.org"]}]
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == ["a.example.org"]


def test_an_ingress_leads_every_path_to_nginx_by_the_class_that_was_chosen(render):
    spec = of_kind(render("--set", f"{INGRESS},expose.ingress.className=traefik"), "Ingress")["nginx"]["spec"]
    assert spec["ingressClassName"] == "traefik"
    service = {"name": "nginx", "port": {"name": "http"}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": {"service": service}}]
    assert [rule["http"] for rule in spec["rules"]] == [{"paths": paths}]


def test_a_certificate_for_no_name_is_refused(helm_template):
    done = helm_template("--set", f"{INGRESS},{ISSUER.format('issuer')}")
    assert done.returncode != 0
    assert "set expose.ingress.host" in done.stderr


def test_without_a_secret_or_cert_manager_there_is_no_tls(render):
    spec = of_kind(render("--set", f"{INGRESS},expose.ingress.annotations.a=b"), "Ingress")["nginx"]["spec"]
    assert "tls" not in spec
    assert spec["rules"][0]["http"]["paths"][0]["backend"]["service"] == {"name": "nginx", "port": {"name": "http"}}


def test_a_gateway_gets_a_route_for_its_listener_and_names(render):
    gateway = "expose.gateway.name=public,expose.gateway.namespace=gateways,expose.gateway.sectionName=https"
    values = f"expose.type=gateway,{gateway},expose.gateway.hostnames={{a.example.org}}"
    manifests = render("--set", values)
    spec = of_kind(manifests, "HTTPRoute")["nginx"]["spec"]
    assert spec["parentRefs"] == [{"name": "public", "namespace": "gateways", "sectionName": "https"}]
    assert spec["hostnames"] == ["a.example.org"]
    everything = [{"path": {"type": "PathPrefix", "value": "/"}}]
    assert spec["rules"] == [{"matches": everything, "backendRefs": [{"name": "nginx", "port": 80}]}]
    assert of_kind(manifests, "Service")["nginx"]["spec"]["type"] == "ClusterIP"


def test_a_load_balancer_takes_what_its_implementation_needs(render):
    values = "expose.type=loadBalancer,expose.loadBalancer.className=c,expose.loadBalancer.ip=192.0.2.9"
    more = "expose.loadBalancer.sourceRanges={203.0.113.0/24},expose.loadBalancer.annotations.a=b"
    service = of_kind(render("--set", f"{values},{more}"), "Service")["nginx"]
    assert service["metadata"]["annotations"] == {"a": "b"}
    assert service["spec"]["loadBalancerClass"] == "c"
    assert service["spec"]["loadBalancerIP"] == "192.0.2.9"
    assert service["spec"]["loadBalancerSourceRanges"] == ["203.0.113.0/24"]


def test_a_node_port_may_be_chosen(render):
    ports = of_kind(render("--set", "expose.type=nodePort,expose.nodePort=30080"), "Service")["nginx"]["spec"]["ports"]
    assert [port["nodePort"] for port in ports] == [30080]


def test_only_the_reverse_proxy_is_exposed(render):
    """Whatever is chosen: every other Service stays within the cluster."""
    for values in ("externalIPs={192.0.2.1}", "expose.type=nodePort", "expose.type=loadBalancer"):
        for name, service in of_kind(render("--set", values), "Service").items():
            outside = (
                service["spec"].keys() & {"externalIPs"} or service["spec"].get("type", "ClusterIP") != "ClusterIP"
            )
            assert bool(outside) == (name == "nginx"), (values, name)


EDGES = "networkPolicy.edges.cidrs={198.51.100.0/24}"
EDGE_SERVICES = {"rabbitmq-edge": 5672, "cloud-broker-edge": 8070, "discovery-edge": 8090}


def test_nothing_is_for_edges_unasked(render):
    assert not [name for name in of_kind(render("--set", EDGES), "Service") if name.endswith("-edge")]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ("expose.edge.type=externalIPs,expose.edge.externalIPs={192.0.2.1}", "ClusterIP"),
        ("expose.edge.type=nodePort,expose.edge.nodePorts.broker=30070", "NodePort"),
        ("expose.edge.type=loadBalancer,expose.edge.loadBalancer.className=c", "LoadBalancer"),
    ],
)
def test_edges_reach_three_ports_by_their_own_addresses(render, values, kind):
    manifests = render("--set", f"{values},{EDGES}")
    services = {name: each["spec"] for name, each in of_kind(manifests, "Service").items() if name.endswith("-edge")}
    assert {name: spec["ports"][0]["port"] for name, spec in services.items()} == EDGE_SERVICES
    for name, spec in services.items():
        assert spec["type"] == kind
        assert spec["externalTrafficPolicy"] == "Local", "else the policies see a node's address"
        assert len(spec["ports"]) == 1, "no metrics"
        assert spec["selector"]["app.kubernetes.io/name"] == name.removesuffix("-edge")
        policy = of_kind(manifests, "NetworkPolicy")[name.removesuffix("-edge")]
        rules = [rule for rule in policy["spec"]["ingress"] for peer in rule["from"] if "ipBlock" in peer]
        assert [(rule["from"][0]["ipBlock"]["cidr"], rule["ports"][0]["port"]) for rule in rules] == [
            ("198.51.100.0/24", EDGE_SERVICES[name])
        ]
    broker = services["cloud-broker-edge"]
    assert broker.get("externalIPs") == (["192.0.2.1"] if kind == "ClusterIP" else None)
    assert broker.get("loadBalancerSourceRanges") == (["198.51.100.0/24"] if kind == "LoadBalancer" else None)
    assert broker["ports"][0].get("nodePort") == (30070 if kind == "NodePort" else None)
    assert of_kind(manifests, "Service")["nginx"]["spec"]["type"] == "ClusterIP", "the reverse proxy is another matter"


def test_edges_of_a_rabbitmq_elsewhere_go_there(render):
    bus = "rabbitmq.external.host=mq.example.org,rabbitmq.auth.existingSecret=mine"
    services = of_kind(render("--set", f"expose.edge.type=nodePort,{EDGES},{bus}"), "Service")
    assert {name for name in services if name.endswith("-edge")} == {"cloud-broker-edge", "discovery-edge"}


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        ("expose.edge.type=nodePort", "--set networkPolicy.edges.cidrs="),
        ("expose.edge.type=nodePort,networkPolicy.edges.cidrs={0.0.0.0/0}", "which is everybody"),
        ("expose.edge.type=nodePort,networkPolicy.edges.cidrs={10.0.0.0/8,::/0}", "which is everybody"),
        (f"expose.edge.type=nodePort,{EDGES},networkPolicy.enabled=false", "needs networkPolicy.enabled"),
        (f"expose.edge.type=externalIPs,{EDGES}", "expose.edge.externalIPs={"),
    ],
)
def test_edges_are_not_let_in_without_saying_who_they_are(helm_template, values, advice):
    done = helm_template("--set", values)
    assert done.returncode != 0
    assert advice in done.stderr


@pytest.mark.parametrize(
    ("values", "warns"),
    [
        ("expose.type=none", False),
        ("externalIPs={192.0.2.1}", True),
        *((f"expose.type={kind}", True) for kind in ("nodePort", "loadBalancer", "ingress")),
        ("expose.type=gateway,expose.gateway.name=public", True),
        ("expose.type=nodePort,expose.basicAuth.existingSecret=login", False),
    ],
)
def test_the_notes_warn_of_a_door_without_a_login(renders, values, warns):
    assert ("without a login" in renders.notes("--set", values)) == warns
