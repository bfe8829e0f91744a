"""Topologies: which of the four a cluster has, and the preset for it."""

import pytest

from fogflow_k8s.model.placement.topology import ZONE, topology_of
from fogflow_k8s.model.settings import presets
from fogflow_k8s.model.settings.presets import Preset, choose, preset_in, values_of
from tests.unit.model.nodes import TAINT, TOLERATION, node

PLANE = node("cp", plane=True, taints=[TAINT])
OPEN_PLANE = node("cp", plane=True)
DEDICATED = {"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}
PRESSURE = {"key": "node.kubernetes.io/disk-pressure", "effect": "NoSchedule"}


def planes(count, **more):
    return [node(f"cp{i}", plane=True, **more) for i in range(count)]


def workers(count, **more):
    return [node(f"w{i}", **more) for i in range(count)]


@pytest.mark.parametrize(
    ("nodes", "number", "usable", "preset"),
    [
        ([OPEN_PLANE], 1, 1, "single-node"),
        (workers(1), 1, 1, "single-node"),
        ([PLANE, *workers(1)], 2, 1, "small"),
        ([OPEN_PLANE, *workers(1)], 2, 2, "small"),
        ([PLANE, *workers(2)], 3, 2, "small"),
        ([OPEN_PLANE, *workers(5)], 3, 6, "small"),
        ([*planes(3, taints=[TAINT]), *workers(2)], 4, 2, "ha"),
        (planes(3), 4, 3, "ha"),
        ([*planes(3, taints=[TAINT]), *workers(1)], 4, 1, "small"),
        (workers(2), 3, 2, "small"),
        (workers(3), 3, 3, "ha"),
        ([PLANE], 0, 0, "small"),
        ([], 0, 0, "small"),
        ([PLANE, *workers(1), node("gpu", taints=[DEDICATED])], 2, 1, "small"),
        ([PLANE, *workers(1), node("down", ready="Unknown"), node("shut", cordoned=True)], 2, 1, "small"),
        ([PLANE, *workers(1), node("full", taints=[PRESSURE])], 3, 2, "small"),
        ([PLANE, *workers(1), node("rather-not", taints=[{**DEDICATED, "effect": "PreferNoSchedule"}])], 3, 2, "small"),
    ],
)  # fmt: skip
def test_the_topology_and_its_preset(nodes, number, usable, preset):
    topology = topology_of(nodes)
    assert (topology.number, topology.workers) == (number, usable)
    assert choose(topology).name == preset


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        ([OPEN_PLANE], "one node is control plane and worker"),
        ([PLANE, *workers(1)], "one control-plane node and one worker node"),
        ([PLANE, *workers(7)], "one control-plane node and 7 worker nodes"),
        ([*planes(3, taints=[TAINT]), *workers(2)], "3 control-plane nodes and 2 worker nodes"),
        (planes(3), "3 control-plane nodes and no node for pods alone (3 control-plane nodes take pods, too)"),
        (workers(3), "3 worker nodes, and a control plane that is not among the nodes"),
        ([PLANE], "no node takes pods"),
        (
            [PLANE, *workers(1), node("a", ready="False"), node("b", cordoned=True)],
            "one control-plane node and one worker node; not counted: a not ready, b cordoned",
        ),
    ],
)
def test_the_description(nodes, says):
    assert topology_of(nodes).description == says


def test_a_tainted_control_plane_counts_for_pods_that_tolerate_it():
    assert topology_of([PLANE]).number == 0
    assert topology_of([PLANE], [TOLERATION]).number == 1
    assert topology_of([PLANE, *workers(1)], [TOLERATION]).workers == 2


def test_an_upgrade_keeps_the_preset_and_says_what_would_fit_now():
    topology = topology_of([PLANE, *workers(2)])
    kept = choose(topology, installed="single-node")
    assert (kept.name, kept.why) == ("single-node", "as installed; --preset small would fit the current nodes")
    assert choose(topology, installed="small").why == "as installed"
    assert choose(topology, installed="small", asked="ha").name == "ha"


def test_without_permission_to_read_nodes_the_preset_is_small():
    assert choose(None).name == "small"
    assert "no permission to read the nodes" in choose(None).why


def test_every_preset_is_valid_and_recognised_in_what_it_renders_to():
    from fogflow_k8s.model.settings.values import Values

    for name in presets.NAMES:
        made = values_of(Preset(name, "", topology_of(planes(3))))
        nginx = Values.model_validate(made).nginx
        spec = {"topologySpreadConstraints": nginx.topology_spread_constraints}
        deployment = {"kind": "Deployment", "metadata": {"name": "nginx"}, "spec": {"template": {"spec": spec}}}
        assert preset_in([deployment]) == name
    assert preset_in([]) == ""


def test_no_preset_sets_several_brokers():
    for name in presets.NAMES:
        assert "broker" not in values_of(Preset(name, "")), "two brokers can notify each other without end"


def test_a_spread_over_the_whole_release_is_not_a_preset():
    release = {"matchLabels": {"app.kubernetes.io/instance": "fogflow"}}
    spec = {"topologySpreadConstraints": [{"topologyKey": "zone", "labelSelector": release}]}
    deployment = {"kind": "Deployment", "metadata": {"name": "nginx"}, "spec": {"template": {"spec": spec}}}
    assert preset_in([deployment]) == "single-node"


def test_ha_spreads_over_zones_where_there_are_some_and_has_no_more_replicas_than_nodes():
    def ha(nodes):
        made = values_of(Preset("ha", "", topology_of(nodes)))
        return made["replicaCount"], [c["topologyKey"] for c in made["nginx"]["topologySpreadConstraints"]]

    zoned = [node(f"w{i}", labels={ZONE: f"zone-{i}"}) for i in range(3)]
    assert ha(zoned) == (3, ["kubernetes.io/hostname", ZONE])
    assert ha([*planes(3, taints=[TAINT]), *workers(2)]) == (2, ["kubernetes.io/hostname"])
    lost = [*planes(3, taints=[TAINT]), *workers(2), node("w2", ready="Unknown")]
    assert ha(lost)[0] == 3, "a node that is down for a while changes nothing"
