"""An external port that another Service has is refused by deploy, and found by check with the same rule."""

import pytest

from fogflow_k8s.actions.check.probes.network import ports_free
from fogflow_k8s.actions.preconditions import external_ports
from tests.unit.actions.world import HOME, ended

BUDGET_S = 5


def service(name="nginx", namespace="", **spec):
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [{"port": 80}], **spec}}


ADDRESS = {"externalIPs": ["192.0.2.10"]}
OURS = [service(**ADDRESS)]
TAKEN = "192.0.2.10:80 by Service traffic/nginx"


def test_a_port_of_another_namespace_is_found_by_both(world):
    world.cluster.put(service(namespace="traffic", **ADDRESS))
    (found,) = external_ports.conflicts(world.op(), OURS)
    assert (found.id, found.summary) == ("FK-7017", f"taken: {TAKEN}")
    checked = ports_free(world.op(), OURS)
    assert (checked.ok, checked.detail) == (False, f"taken: {TAKEN}")


@pytest.mark.parametrize(
    "other",
    [
        service(namespace="traffic"),
        service(namespace="traffic", externalIPs=["192.0.2.11"]),
        service(namespace="traffic", **ADDRESS, ports=[{"port": 8080}]),
        service(namespace=HOME, **ADDRESS),  # the release's own
    ],
)
def test_another_address_another_port_and_the_releases_own_service_are_no_conflict(world, other):
    world.cluster.put(other)
    assert external_ports.conflicts(world.op(), OURS) == []
    assert ports_free(world.op(), OURS).ok


def test_a_port_of_another_release_in_the_same_namespace_is_found(world):
    world.cluster.put(service("other", HOME, **ADDRESS))
    assert [found.id for found in external_ports.conflicts(world.op(), OURS)] == ["FK-7017"]


def test_a_node_port_is_compared_as_well(world):
    world.cluster.put(service(namespace="traffic", ports=[{"port": 80, "nodePort": 30080}]))
    (line,) = external_ports.taken(world.op(), [service(ports=[{"port": 8080, "nodePort": 30080}])])
    assert line == "node port 30080 by Service traffic/nginx"


def test_without_the_permission_to_list_services_a_deploy_goes_on_and_says_so(world):
    world.cluster.refuse("list", "Service")
    assert external_ports.conflicts(world.op(), OURS) == []
    assert world.reported("not checked whether the external ports are free")


def test_without_an_external_port_no_service_is_listed(world):
    assert external_ports.conflicts(world.op(), [service()]) == []
    assert ("list", "Service", "") not in world.cluster.calls


def test_a_deploy_with_the_port_of_another_release_changes_nothing(world, monkeypatch):
    monkeypatch.setattr(
        external_ports, "claims", lambda _: {"192.0.2.10:80": "nginx"}
    )  # our chart's Service has no port
    world.cluster.put(service(namespace="traffic", **ADDRESS))
    outcome = world.deploy()
    assert (ended(outcome), [each.id for each in outcome.causes]) == ("unchanged, 10", ["FK-7017"])
    assert (world.cluster.writes, world.programs.verbs()) == ([], [])
