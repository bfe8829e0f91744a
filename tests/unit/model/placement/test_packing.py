"""Packing: each placed pod has a node that the scheduler would accept, each other pod a reason for every node."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogflow_k8s.model.placement.node_fit import why_not
from fogflow_k8s.model.placement.packing import BoundClaim, Pod, pack, rooms_of, why_none
from fogflow_k8s.model.placement.unschedulable import unschedulable_causes
from fogflow_k8s.model.quantities import lacking, plus
from tests.unit.model.nodes import TAINT, TOLERATION, apart, node, node_affinity, spec

GPU = {"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}
HOSTNAME = "kubernetes.io/hostname"


def pod(component="master", specification=None, *, volumes=(), **labels):
    return Pod(component, f"deployment/{component}", specification or spec(), labels, volumes)


def term(key, operator, *values):
    return {"key": key, "operator": operator, "values": list(values)}


def nowhere(specification, *nodes, running=(), **more):
    """Why a pod fits on none of the nodes, node by node."""
    packed = pack([pod(specification=specification, **more)], rooms_of(nodes, running))
    return [reason for each in packed.unschedulable for _, reason in each.why]


@pytest.mark.parametrize(
    ("specification", "given_node", "reason"),
    [
        (spec(), node("n", ready="Unknown"), "not ready"),
        (spec(), node("n", ready="False"), "not ready"),
        (spec(), node("n", cordoned=True), "cordoned"),
        (spec(tolerations=[{"operator": "Exists"}]), node("n", cordoned=True), ""),
        (spec(), node("n", taints=[GPU]), "taint dedicated=gpu:NoSchedule"),
        (spec(), node("n", taints=[{"key": "x", "effect": "NoExecute"}]), "taint x:NoExecute"),
        (spec(), node("n", taints=[{**GPU, "effect": "PreferNoSchedule"}]), ""),
        (spec(tolerations=[{"key": "dedicated", "operator": "Exists"}]), node("n", taints=[GPU]), ""),
        (spec(tolerations=[{"key": "dedicated", "value": "gpu"}]), node("n", taints=[GPU]), ""),
        (spec(tolerations=[{"key": "dedicated", "value": "edge"}]), node("n", taints=[GPU]), "taint dedicated=gpu:NoSchedule"),
        (spec(tolerations=[{"key": "dedicated", "operator": "Exists", "effect": "NoExecute"}]), node("n", taints=[GPU]),
         "taint dedicated=gpu:NoSchedule"),
        (spec(tolerations=[{"operator": "Exists", "effect": "NoSchedule"}]), node("n", taints=[GPU]), ""),
        (spec(tolerations=[TOLERATION]), node("n", taints=[TAINT]), ""),
        (spec(nodeSelector={"disk": "ssd"}), node("n"), "no label disk=ssd"),
        (spec(nodeSelector={"disk": "ssd"}), node("n", labels={"disk": "hdd"}), "no label disk=ssd"),
        (spec(nodeSelector={"disk": "ssd"}), node("n", labels={"disk": "ssd"}), ""),
        (spec(nodeSelector={"kubernetes.io/arch": "amd64"}), node("n", labels={"kubernetes.io/arch": "arm64"}), "no label kubernetes.io/arch=amd64"),
        (spec(), node("n", labels={"kubernetes.io/os": "windows"}), "runs windows, and the images are for linux"),
        (spec(**node_affinity(term("disk", "In", "ssd", "nvme"))), node("n", labels={"disk": "nvme"}), ""),
        (spec(**node_affinity(term("disk", "In", "ssd"))), node("n"), "outside the required node affinity (disk In ssd)"),
        (spec(**node_affinity(term("disk", "NotIn", "hdd"))), node("n"), ""),  # codespell:ignore notin
        (spec(**node_affinity(term("disk", "NotIn", "hdd"))), node("n", labels={"disk": "hdd"}), "outside the required node affinity (disk NotIn hdd)"),  # codespell:ignore notin
        (spec(**node_affinity(term("disk", "Exists"))), node("n"), "outside the required node affinity (disk Exists)"),
        (spec(**node_affinity(term("disk", "DoesNotExist"))), node("n"), ""),
        (spec(**node_affinity(term("cores", "Gt", "8"))), node("n", labels={"cores": "16"}), ""),
        (spec(**node_affinity(term("cores", "Lt", "8"))), node("n", labels={"cores": "16"}), "outside the required node affinity (cores Lt 8)"),
        (spec(**node_affinity(term("cores", "Gt", "8"))), node("n", labels={"cores": "many"}), "outside the required node affinity (cores Gt 8)"),
        (spec(**node_affinity(fields=[term("metadata.name", "In", "n")])), node("n"), ""),
        (spec(**node_affinity()), node("n"), "outside the required node affinity (nothing)"),
    ],
)  # fmt: skip
def test_whether_a_pod_may_run_on_a_node(specification, given_node, reason):
    assert why_not(specification, given_node) == reason


def test_the_reasons_are_short_and_one_for_each_node():
    assert nowhere(
        spec(cpu="200m", memory="192Mi"),
        node("node-1", taints=[GPU]),
        node("node-2", cpu="120m"),
        node("node-3", memory="100Mi"),
        node("node-4", pods="0"),
    ) == [
        "taint dedicated=gpu:NoSchedule",
        "120m CPU free, 200m needed",
        "100Mi memory free, 192Mi needed",
        "no pod slot left",
    ]


def test_running_pods_use_resources_and_ended_pods_do_not():
    def running(phase, where="n"):
        return {"spec": {"nodeName": where, **spec(cpu="3900m")}, "status": {"phase": phase}}

    assert nowhere(spec(cpu="200m"), node("n"), running=[running("Running")]) == ["100m CPU free, 200m needed"]
    assert nowhere(spec(cpu="200m"), node("n"), running=[running("Succeeded"), running("Failed")]) == []
    assert nowhere(spec(cpu="200m"), node("n"), running=[running("Running", "other"), running("Pending", "")]) == []


def test_pods_that_must_not_share_a_node_need_one_each():
    front = pod("nginx", spec(**apart(app="nginx")), app="nginx")
    rooms = rooms_of([node("a"), node("b")], [])
    assert sorted(where for _, where in pack([front] * 2, rooms).places) == ["a", "b"]
    [unplaced] = pack([front] * 3, rooms).unschedulable
    assert dict(unplaced.why) == dict.fromkeys("ab", "nginx is there, and anti-affinity keeps them apart")
    plain = pod("other", app="nginx")  # the rule of the one that is there binds who comes later, too
    assert len(pack([front, front, plain], rooms).unschedulable) == 1


def test_a_required_spread_is_kept():
    constraint = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "nginx"}}}  # fmt: skip
    front = pod("nginx", spec(topologySpreadConstraints=[constraint]), app="nginx")
    nodes = [
        node("a", labels={"zone": "1"}),
        node("b", labels={"zone": "1"}),
        node("c", labels={"zone": "2"}, pods="1"),
    ]
    assert sorted(where for _, where in pack([front] * 3, rooms_of(nodes, [])).places) in (
        ["a", "a", "c"],
        ["a", "b", "c"],
    )
    [unplaced] = pack([front] * 4, rooms_of(nodes, [])).unschedulable
    assert dict(unplaced.why)["b"] == "one more there would make the spread over zone uneven"
    assert nowhere(front.spec, node("n"), app="nginx") == ["no label zone, over which the pods are spread"]


def test_a_volume_that_can_be_reached_from_one_node_only():
    where = {"nodeSelectorTerms": [{"matchExpressions": [term(HOSTNAME, "In", "gone")]}]}
    nodes = [node("a"), node("b")]
    packed = pack([pod("designer", volumes=(BoundClaim("designer-data", where),))], rooms_of(nodes, []))
    [found] = unschedulable_causes(packed, nodes, namespace="city")
    assert (
        found.evidence[0]
        == "claim designer-data: its volume is on kubernetes.io/hostname In gone, and no node of the cluster matches"
    )
    assert found.evidence[1] == "a: cannot reach the volume of claim designer-data"
    assert "kubectl -n city get persistentvolumeclaims" in found.advice[0]


def test_the_largest_goes_first():
    rooms = rooms_of([node("a", cpu="1"), node("b", cpu="600m")], [])
    pods = [pod("small", spec(cpu="500m")), pod("large", spec(cpu="900m"))]
    assert [where for _, where in pack(pods, rooms).places] == ["b", "a"]


def test_what_many_lack_for_the_same_reason_is_one_cause():
    nodes = [node("a", taints=[GPU]), node("b", labels={"disk": "hdd"})]
    chosen = spec(nodeSelector={"disk": "ssd"})
    [found] = unschedulable_causes(
        pack([pod("master", chosen), pod("designer", chosen)], rooms_of(nodes, [])), nodes, namespace="n"
    )
    assert (found.id, found.kind, found.component) == ("FK-3012", "permanent", "release")
    assert found.summary == "master and designer fit on no node; together they need 200m CPU and 128Mi memory"
    assert found.evidence == ("a: taint dedicated=gpu:NoSchedule", "b: no label disk=ssd")
    assert [line.split(" ")[0] for line in found.advice] == ["tolerate", "correct"]
    assert found.advice[0] == (
        "tolerate the taint: set global.tolerations in your values, or remove it: kubectl taint nodes a dedicated=gpu:NoSchedule-"
    )
    assert found.advice[1].startswith("correct global.nodeSelector or affinity in your values")


def test_the_taints_of_several_nodes_are_not_written_as_one():
    other = {"key": "maintenance", "effect": "NoExecute"}
    nodes = [node("a", taints=[GPU]), node("b", taints=[other])]
    [found] = unschedulable_causes(pack([pod("nginx", spec())], rooms_of(nodes, [])), nodes, namespace="n")
    assert found.advice[0].endswith(
        "set nginx.tolerations or global.tolerations in your values, or remove it: kubectl taint nodes NODE KEY-"
    )


def test_one_alone_is_named_with_its_own_key_of_the_values():
    nodes = [node("a", cpu="1")]
    [found] = unschedulable_causes(
        pack([pod("cloud-broker", spec(cpu="64")), pod()], rooms_of(nodes, [])), nodes, namespace="n"
    )
    assert (found.component, found.object) == ("cloud-broker", "deployment/cloud-broker")
    assert found.summary == "cloud-broker fits on no node; it needs 64 CPU and 64Mi memory"
    assert found.evidence == ("a: 1 CPU free, 64 needed",)
    assert "lower broker.resources.requests" in found.advice[0]


def test_what_the_release_itself_takes_is_said():
    nodes = [node("a", cpu="1")]
    [found] = unschedulable_causes(
        pack([pod(specification=spec(cpu="700m"))] * 2, rooms_of(nodes, [])), nodes, namespace="n"
    )
    assert found.evidence == (
        "a: 300m CPU free, 700m needed",
        "counted as used: the pods that run there, and one pod of this release",
    )


def test_of_many_nodes_the_first_are_named_and_the_rest_is_counted():
    nodes = [node(f"n{i}", cpu="1") for i in range(100)]
    [found] = unschedulable_causes(pack([pod(specification=spec(cpu="2"))], rooms_of(nodes, [])), nodes, namespace="n")
    assert len(found.evidence) == 13
    assert found.evidence[-1] == "88 more: 1 CPU free, 2 needed"
    assert unschedulable_causes(pack([pod()], []), [], namespace="n")[0].evidence == ("the cluster has no node",)


def test_no_pods_fit_anywhere():
    assert pack([], rooms_of([node("a")], [])).unschedulable == ()


milli = st.integers(0, 900)
tolerations = st.lists(
    st.sampled_from([{"key": "k", "operator": "Exists"}, {"key": "k", "value": "1"}, {"operator": "Exists"}]),
    max_size=1,
)
selectors = st.dictionaries(st.sampled_from(["disk", "zone"]), st.sampled_from(["1", "2"]), max_size=1)
taint_lists = st.lists(st.sampled_from([{"key": "k", "value": v, "effect": e} for v in "12" for e in ("NoSchedule", "NoExecute", "PreferNoSchedule")]), max_size=1)  # fmt: skip
spreads = st.sampled_from([
    {}, apart(app="x"),
    {"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "x"}}}]},
])  # fmt: skip


@st.composite
def pods(draw):
    made = spec(
        f"{draw(milli)}m",
        f"{draw(milli)}Mi",
        tolerations=draw(tolerations),
        nodeSelector=draw(selectors),
        **draw(spreads),
    )
    return pod(draw(st.sampled_from(["a", "b"])), made, **draw(st.sampled_from([{}, {"app": "x"}])))


@st.composite
def clusters(draw):
    count = draw(st.integers(0, 5))
    return [
        node(f"n{i}", labels=draw(selectors), taints=draw(taint_lists), cordoned=draw(st.booleans()), cpu=f"{draw(st.integers(0, 2000))}m",
             memory=f"{draw(st.integers(0, 2000))}Mi", pods=str(draw(st.integers(0, 4))))
        for i in range(count)
    ]  # fmt: skip


@given(st.lists(pods(), max_size=6), clusters())
def test_every_place_keeps_every_rule(wanted, nodes):
    packed = pack(wanted, rooms_of(nodes, []))
    assert len(packed.places) + len(packed.unschedulable) == len(wanted)
    by_name = {room.name: room for room in rooms_of(nodes, [])}
    for name, room in by_name.items():
        here = [p for p, where in packed.places if where == name]
        assert not lacking(room.free, plus(*(p.needs for p in here)))
        assert all(why_not(p.spec, room.node) == "" for p in here)
        loners = [p for p in here if p.spec.get("affinity")]
        others = [p for p in here if p.labels.get("app") == "x"]
        assert not loners or len([p for p in others if p is not loners[0]]) == 0
    for unplaced in packed.unschedulable:
        assert [name for name, _ in unplaced.why] == list(by_name)
        assert all(reason for _, reason in unplaced.why)


@given(st.lists(st.tuples(milli, milli), max_size=20), st.lists(st.tuples(milli, milli), max_size=4), st.integers(0, 4))
def test_where_one_node_has_room_for_all_everything_fits(sizes, small, at):
    wanted = [pod(specification=spec(f"{c}m", f"{m}Mi")) for c, m in sizes]
    nodes = [node(f"n{i}", cpu=f"{c}m", memory=f"{m}Mi", pods="3") for i, (c, m) in enumerate(small)]
    nodes.insert(
        at,
        node("big", cpu=f"{sum(c for c, _ in sizes)}m", memory=f"{sum(m for _, m in sizes)}Mi", pods=str(len(sizes))),
    )
    assert pack(wanted, rooms_of(nodes, [])).unschedulable == ()


@given(st.lists(pods(), max_size=5), clusters())
def test_a_single_pod_is_refused_only_by_reasons_that_hold_for_it_alone(wanted, nodes):
    for each in wanted:
        rooms = rooms_of(nodes, [])
        assert bool(pack([each], rooms).unschedulable) == all(
            why_none(each, r, rooms, why_not(each.spec, r.node)) for r in rooms
        )
