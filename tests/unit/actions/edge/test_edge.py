"""The state of a join at the cloud, the result of an edge check, and the life of tokens; with a scripted cloud."""

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from fogflow_k8s.actions.edge import cloud as edge_cloud
from fogflow_k8s.actions.edge import join as edge_join
from fogflow_k8s.actions.edge import probe, rabbitmq
from fogflow_k8s.actions.edge.check import ConnectivityReport
from fogflow_k8s.actions.observe.verify import Proof, Step
from fogflow_k8s.console.edge import connectivity_document
from fogflow_k8s.engine.reporter import Silent
from fogflow_k8s.errors import ClusterError, EdgeRefused, UsageError
from fogflow_k8s.model.edge.sites import Live, Record, rows
from fogflow_k8s.model.edge.token import Endpoint, mark_of
from tests.clouds import Cloud, token
from tests.documents import valid
from tests.ports import free_port

NOW = 1_800_000_000


class Clock:
    """A clock that advances only when its sleep is called."""

    def __init__(self):
        self.at = 0.0

    def now(self):
        return self.at

    def sleep(self, seconds):
        self.at += seconds


@pytest.fixture
def joining():
    """As much of an Operation as waiting for the cloud's view needs."""
    return SimpleNamespace(report=Silent(), clock=Clock(), namespace="fogflow")


@pytest.fixture
def cloud():
    it = Cloud()
    yield it
    it.close()


def test_ports_that_do_not_answer_name_the_policy_that_may_be_the_reason(cloud):
    """externalTrafficPolicy Local: a node answers only for the pods that it runs, and drops other packets silently."""
    nowhere = Endpoint("127.0.0.1", free_port())
    today = datetime.now(UTC)
    with pytest.raises(
        EdgeRefused, match="other ports answer, so its pod most likely does not run on the node with address"
    ) as one:
        probe.require(token(cloud, discovery=nowhere), today, ours=False)
    with pytest.raises(EdgeRefused, match="Possibly none of their pods runs") as every:
        probe.require(token(cloud, rabbitmq=nowhere, discovery=nowhere, broker=nowhere), today, ours=False)
    for error in (one.value, every.value):
        assert (error.id, "externalTrafficPolicy Local" in error.message) == ("FK-6105", True)
        assert "nodeSelector" in error.message
        assert "networkPolicy.edges.cidrs" in error.hint


@pytest.mark.parametrize(
    ("broker", "consumers", "message"),
    [
        (False, 1, "the cloud's discovery does not list its broker"),
        (True, 0, "its worker's queue at the cloud's RabbitMQ has no consumer"),
        (False, 0, "does not list its broker and its worker's queue"),
    ],
)
def test_the_half_that_is_missing_is_named(joining, cloud, broker, consumers, message):
    cloud.queues["Worker.002"] = consumers
    if broker:
        cloud.brokers["Broker.002"] = {}
    with pytest.raises(EdgeRefused, match=message) as caught:
        edge_join._wait(joining, token(cloud), 5)
    assert (caught.value.id, caught.value.exit_code) == ("FK-6111", 30)


def test_both_halves_are_waited_for(joining, cloud):
    cloud.brokers["Broker.002"], cloud.queues["fogflow-k8s.Worker.002"] = {}, 1
    assert edge_join._wait(joining, token(cloud), 5) == probe.SiteState(broker=True, consumers=1, marked=False)


def test_a_link_that_is_lost_for_a_moment_does_not_end_the_waiting(joining, cloud, monkeypatch):
    answers = iter([OSError("no route to host"), probe.SiteState(broker=True, consumers=1, marked=True)])

    def look(_):
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(probe, "site_state", look)
    assert edge_join._wait(joining, token(cloud), 5).consumers == 1


def test_a_cloud_that_is_gone_is_told(joining, cloud):
    cloud.close()
    with pytest.raises(EdgeRefused, match="after 5 s the cloud did not answer") as caught:
        edge_join._wait(joining, token(cloud), 5)
    assert (caught.value.id, caught.value.exit_code) == ("FK-6111", 30)
    with pytest.raises(EdgeRefused, match="no longer answers"):
        edge_join._mark_used(joining, token(cloud), ours=False)


def test_a_join_leaves_its_mark_and_a_second_one_meanwhile_is_told(cloud):
    one, op = token(cloud), SimpleNamespace(namespace="fogflow-edge")
    edge_join._mark_used(op, one, ours=False)
    assert mark_of("002", one.id) in cloud.queues
    edge_join._mark_used(op, one, ours=True)
    with pytest.raises(EdgeRefused, match="another installation joined as site 002") as caught:
        edge_join._mark_used(op, one, ours=False)
    assert (caught.value.id, caught.value.exit_code) == ("FK-6104", 30)
    assert "edge leave -n fogflow-edge" in caught.value.hint


def test_of_several_that_use_a_token_at_the_same_moment_one_wins(cloud):
    one, at_once = token(cloud), threading.Barrier(8)

    def join(_):
        at_once.wait(20)
        return probe.mark_used(one)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(join, range(8))) == [False] * 7 + [True]


def way(inbound, outbound, connectivity="direct"):
    steps = (Step("edge -> cloud: discovery", outbound, "", 1.0), Step("cloud -> edge: published", inbound, "no", 1.0))
    return ConnectivityReport(Proof(steps), "002", "http://198.51.100.7:8060", connectivity)


@pytest.mark.parametrize(
    ("found", "id_", "message"),
    [
        (way(inbound=True, outbound=True), None, "direct: "),
        (way(True, True, "overlay"), None, "overlay: edge and cloud reach each other through an overlay network"),
        (
            way(inbound=False, outbound=True),
            "FK-6109",
            "no inbound path: the cloud does not reach http://198.51.100.7:8060",
        ),
        (way(inbound=False, outbound=False), "FK-6105", "the edge does not reach its cloud"),
    ],
)
def test_the_verdict_says_what_nat_costs(found, id_, message):
    document = valid(connectivity_document(found))
    assert document["causeId"] == id_
    assert document["summary"].startswith(message)
    assert document["ok"] is (id_ is None)


class Store:
    """The one Secret."""

    def __init__(self):
        self.secret = None

    def get(self, kind, name, namespace):
        assert (kind, name, namespace) == ("Secret", "fogflow-edges", "fogflow")
        return self.secret

    def create(self, obj):
        self.secret = obj

    def replace(self, obj):
        self.secret = obj

    def records(self):
        return {key: json.loads(base64.b64decode(text)) for key, text in self.secret["data"].items()}


class Bus:
    """rabbitmqctl, discovery and master."""

    def __init__(self):
        self.ran, self.queues = [], []

    def execute(self, target, container, *words, stdin="", timeout_s=60.0):
        del target, container, timeout_s
        self.ran.append((words[2:], stdin))
        if words[2] == "delete_queue":
            raise ClusterError("Queue not found")
        return json.dumps(self.queues) if words[2] == "list_queues" else ""

    @contextmanager
    def forward(self, target, port):
        raise ClusterError(f"{target} {port}")
        yield


SERVICE = {"spec": {"type": "ClusterIP", "externalIPs": ["192.0.2.1"]}}
OBJECTS = [
    {"kind": "ConfigMap", "metadata": {"name": "cloud-broker-config", "labels": {}},
     "data": {"config.json": json.dumps({"site_id": "001", "my_hostip": "cloud-broker.fogflow.svc.cluster.local"})}},
    *({"kind": "Service", "metadata": {"name": name}, "spec": {**SERVICE["spec"], "ports": [{"port": port}]}}
      for name, port in (("rabbitmq-edge", 5672), ("discovery-edge", 8090), ("cloud-broker-edge", 8070))),
]  # fmt: skip


@pytest.fixture
def op(monkeypatch):
    monkeypatch.setattr(edge_cloud.status, "stored", lambda _: SimpleNamespace(objects=OBJECTS))
    today = {"at": NOW}
    return SimpleNamespace(
        cluster=Store(), simulated=False, namespace="fogflow", release="fogflow", at=today, report=Silent(),
        today=lambda: datetime.fromtimestamp(today["at"], UTC),
    )  # fmt: skip


def create(op, bus, site="002", ttl_s=3600):
    return edge_cloud.create(op, bus, edge_cloud.TokenRequest(site, ttl_s))


def test_the_password_is_in_the_token_and_nowhere_else(op):
    bus = Bus()
    made = create(op, bus)
    assert (str(made.rabbitmq), made.cloud_site, made.expires) == ("192.0.2.1:5672", "001", NOW + 3600)
    assert made.password not in json.dumps([op.cluster.records(), bus.ran])
    (defined,) = [stdin for words, stdin in bus.ran if "import_definitions" in words[0]]
    assert op.cluster.records()["002.json"]["definitions"] == json.loads(defined), (
        "what RabbitMQ gets at its next start"
    )


def test_a_new_token_takes_the_place_of_an_unused_one(op):
    bus = Bus()
    first, second = create(op, bus), create(op, bus)
    assert first.id != second.id
    assert op.cluster.records()["002.json"]["id"] == second.id


def test_a_site_that_has_joined_gets_no_second_token(op):
    bus = Bus()
    made = create(op, bus)
    bus.queues = [{"name": mark_of("002", made.id), "consumers": 0}]
    with pytest.raises(EdgeRefused, match="site 002 is joined already") as caught:
        create(op, bus)
    assert caught.value.id == "FK-6107"


def test_expired_tokens_go_and_those_that_were_used_stay(op):
    bus = Bus()
    used = create(op, bus, "003")
    create(op, bus, "002")
    bus.queues = [{"name": mark_of("003", used.id), "consumers": 0}]
    edge_cloud.edges(op, bus)  # sees that 003 has joined
    op.at["at"], bus.queues = NOW + 4000, []
    listing = edge_cloud.edges(op, bus, prune=True)
    assert (listing.pruned, [(edge.site, edge.state) for edge in listing.edges]) == (("002",), [("003", "joined")])
    assert (("delete_user", "edge-002"), "") in bus.ran
    assert list(op.cluster.records()) == ["003.json"]


def test_the_next_token_clears_expired_ones_away(op):
    bus = Bus()
    create(op, bus, "002")
    op.at["at"] = NOW + 4000
    create(op, bus, "003")
    assert list(op.cluster.records()) == ["003.json"]


def test_an_edge_is_removed_with_its_user(op):
    bus = Bus()
    create(op, bus)
    edge_cloud.remove(op, bus, "002")
    assert (("delete_user", "edge-002"), "") in bus.ran
    assert op.cluster.records() == {}
    with pytest.raises(UsageError, match="no edge 002"):
        edge_cloud.remove(op, bus, "002")


def test_what_fails_for_another_reason_is_an_error():
    bus = Bus()
    with pytest.raises(ClusterError):
        rabbitmq._unless_absent(SimpleNamespace(execute=_broken), "delete_user", "edge-002")
    rabbitmq.forget(bus, "edge-002", ["q"])


def _broken(*_):
    raise ClusterError("the container is not running")


def test_strangers_are_listed_and_the_clouds_own_members_are_not():
    brokers = {"Broker.001": {}, "Broker.001.1": {}, "Broker.007": {"providerURL": "http://x:8060"}}
    record = Record("002", "id", NOW, NOW + 10, joined=False, definitions={})
    live = Live(brokers, {"Worker.001": {}}, None)
    found = rows([record], live, "001", NOW)
    assert [(edge.site, edge.state, edge.broker, edge.worker) for edge in found] == [
        ("002", "open", False, False),
        ("007", "unknown", True, False),
    ]
    assert rows([record], Live(None, None, None), "001", NOW)[0].broker is None
