"""The API server's addresses for NetworkPolicies: permanent ones where they are known, otherwise none."""

import pytest

from fogflow_k8s.model.placement.apiserver import dns_ports, way_to_api_server
from fogflow_k8s.model.placement.topology import is_control_plane
from tests.unit.model.nodes import node

SERVICE = {"spec": {"clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"], "ports": [{"port": 443}]}}


def plane(name, address, **more):
    made = node(name, plane=True, **more)
    made["status"]["addresses"] = [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}]
    return made


def endpoints(*addresses, port=6443):
    return [{"endpoints": [{"addresses": list(addresses)}], "ports": [{"port": port}]}]


def test_both_ends_of_the_service_are_named_with_their_ports():
    way = way_to_api_server(SERVICE, endpoints("192.0.2.1", port=16443), [plane("cp", "192.0.2.1"), node("w")])
    assert way.cidrs == ("10.96.0.1/32", "192.0.2.1/32")
    assert (way.ports, way.why_open) == ((443, 16443), "")


def test_a_control_plane_that_is_down_is_named_all_the_same():
    planes = [plane("cp0", "192.0.2.1"), plane("cp1", "192.0.2.2", ready="Unknown")]
    before = way_to_api_server(SERVICE, endpoints("192.0.2.1", "192.0.2.2"), planes)
    assert way_to_api_server(SERVICE, endpoints("192.0.2.1"), planes) == before
    assert "192.0.2.2/32" in before.cidrs


def test_an_address_of_ipv6_is_one_address():
    way = way_to_api_server({"spec": {}}, endpoints("2001:db8::1"), [plane("cp", "2001:db8::1")])
    assert way.cidrs == ("2001:db8::1/128",)


def test_where_it_cannot_be_told_for_good_it_stays_open_and_says_why():
    managed = way_to_api_server(SERVICE, endpoints("192.0.2.1"), [node("w")])
    assert (managed.cidrs, managed.ports) == ((), (443, 6443)), "the ports are known all the same"
    assert "not among the nodes" in managed.why_open
    assert "no endpoint" in way_to_api_server(SERVICE, [], [plane("cp", "192.0.2.1")]).why_open


@pytest.mark.parametrize(
    ("service", "behind", "ports"),
    [
        ([("dns", 53), ("dns-tcp", 53), ("metrics", 9153)], [("dns", 53), ("dns-tcp", 53), ("metrics", 9153)], (53,)),
        (
            [("dns", 53), ("dns-tcp", 53), ("metrics", 9154)],
            [("dns", 5353), ("dns-tcp", 5353), ("metrics", 9154)],
            (53, 5353),
        ),
        ([("udp-53", 53)], [("udp-53", 8053)], (53,)),  # what no name tells is left to the chart's own ports
        ([], [], ()),
    ],
)
def test_the_ports_of_name_servers_are_those_before_and_behind_the_service(service, behind, ports):
    def listed(pairs):
        return [{"name": name, "port": port} for name, port in pairs]

    assert dns_ports([{"spec": {"ports": listed(service)}}], [{"ports": listed(behind)}]) == ports


@pytest.mark.parametrize(
    "label",
    [
        "node-role.kubernetes.io/control-plane",
        "node-role.kubernetes.io/master",
        "node-role.kubernetes.io/controlplane",
        "node.kubernetes.io/microk8s-controlplane",
    ],
)
def test_every_distributions_mark_of_a_control_plane_is_known(label):
    assert is_control_plane({"metadata": {"labels": {label: "true"}}})
