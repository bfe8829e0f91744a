"""What the keeper reads of the members and restores, against servers on loopback."""

import http.client
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from dataclasses import replace

import ngsi
import pytest
from http_json import Refused, Server
from kube import Task
from memory import Memory
from observe import Members, observe
from serve import Shared, serve, verify
from snapshot import BROKER, DESIGNER, DISCOVERY, MASTER, NGINX, ORDERED, RABBITMQ, WORKER, instances

from tests.unit.keeper.stub import stub

BUDGET_S = 12

REGISTRATION = {
    "ID": "urn:T 1/a",
    "Type": "Temperature",
    "AttributesList": {"t": {"name": "t", "type": "integer"}},
    "MetadataList": {"location": {"name": "location"}},
    "ProvidingApplication": "http://cloud-broker:8070/ngsi10",
}
FOUND = {"contextRegistrationResponses": [{"contextRegistration": {"entities": [{"id": "urn:T 1/a"}]}}]}
METRICS = "\n".join(
    f'rabbitmq_detailed_queue_consumers{{vhost="/",queue="{queue}"}} 1'
    for queue in ("Master.001", "Worker.001", "fogflow-designer")
) + "".join(f'\nrabbitmq_detailed_connection_incoming_bytes_total{{channel="<0.{n}.0>"}} 144' for n in (877, 887))


@pytest.fixture(autouse=True)
def no_connection_left(monkeypatch):
    """A program keeps its connections; a test gives them up."""
    made, connect = [], Server._connect

    def noted(self):
        made.append(connect(self))
        return made[-1]

    monkeypatch.setattr(Server, "_connect", noted)
    yield
    for each in made:
        each.close()


@pytest.fixture
def discovery():
    answers = {
        "POST /ngsi9/discoverContextAvailability": FOUND,
        "GET /ngsi9/registration/urn:T 1/a": REGISTRATION,
        "GET /ngsi9/subscription": {"sid1": {"entities": [{"type": "Temperature"}], "reference": "http://m:1060"}},
        "POST /ngsi9/registerContext": {},
        "POST /ngsi9/UpdateLDContextAvailability/sid1": {},
        "GET /ngsi9/broker": {"b": {}},
        "GET /ngsi9/status": "ok",
    }
    with stub(answers) as it:
        yield it


class Broker:
    """A broker that keeps what it is given, and gives every subscription a new id."""

    def __init__(self):
        self.entities, self.subscriptions, self.silent = {}, {}, False
        self.answers = {
            "GET /version": "3.2.8",
            "GET /ngsi10/entity": lambda _: list(self.entities.values()),
            "GET /ngsi10/subscription": lambda _: self.subscriptions,
            "POST /ngsi10/updateContext": self.update,
            "POST /ngsi10/subscribeContext": self.subscribe,
            "POST /ngsi10/unsubscribeContext": self.unsubscribe,
        }

    def update(self, body):
        for element in body["contextElements"]:
            key = element["entityId"]["id"]
            if body["updateAction"] == "DELETE":
                self.entities.pop(key, None)
                continue
            self.entities[key] = element
            for one in list(self.subscriptions.values()):
                if not self.silent and one["entities"][0].get("id") == key:
                    request = urllib.request.Request(one["reference"] + "/notifyContext", b"{}", method="POST")
                    urllib.request.urlopen(request, timeout=3).read()
        return {}

    def subscribe(self, body):
        sid = f"sid{len(self.subscriptions) + time.monotonic_ns()}"
        headers = {key.title(): value for key, value in self.stub.asked[-1][2].items()}
        subscriber = {
            "Correlator": headers.get("Fiware-Correlator", ""),
            "Destination": headers.get("Destination", ""),
            "RequireReliability": headers.get("Require-Reliability") == "true",
        }
        self.subscriptions[sid] = {**body, "Subscriber": subscriber}
        return {"subscribeResponse": {"subscriptionId": sid}, "subscribeError": {"errorCode": {"code": 0}}}

    def unsubscribe(self, body):
        self.subscriptions.pop(body["subscriptionId"], None)
        return {}


@pytest.fixture
def broker():
    it = Broker()
    with stub(it.answers) as server:
        it.stub = server
        yield it


# -- discovery ---------------------------------------------------------------------------------------------------------


def test_discovery_is_read_without_the_one_request_that_ends_it(discovery):
    held = ngsi.read_discovery(Server(discovery.url), {})
    assert held.keys() == {"r:urn:T 1/a", "s:sid1"}
    assert not [call for call in discovery.calls if call.startswith("GET /ngsi9/subscription/")]


def test_a_registration_that_is_known_is_not_asked_again(discovery):
    server = Server(discovery.url)
    held = ngsi.read_discovery(server, {})
    before = len(discovery.asked)
    assert ngsi.read_discovery(server, held) == held
    assert len(discovery.asked) - before == 2, "the list of both kinds, and nothing else"


def test_a_registration_that_goes_while_it_is_read_is_no_failure(discovery):
    del discovery.answers["GET /ngsi9/registration/urn:T 1/a"]
    assert ngsi.read_discovery(Server(discovery.url), {}).keys() == {"s:sid1"}


def test_discovery_gets_registrations_before_subscriptions_each_under_its_own_id(discovery):
    server = Server(discovery.url)
    held = ngsi.read_discovery(server, {})
    discovery.asked.clear()
    ngsi.restore_discovery(server, held, sorted(held, reverse=True))
    assert discovery.calls == ["POST /ngsi9/registerContext", "POST /ngsi9/UpdateLDContextAvailability/sid1"]
    (about,) = discovery.asked[0][1]["contextRegistrations"]
    assert about == {
        "entities": [{"id": "urn:T 1/a", "type": "Temperature", "isPattern": False}],
        "attributes": [{"name": "t", "type": "integer"}],
        "contextMetadata": [{"name": "location"}],
        "providingApplication": "http://cloud-broker:8070/ngsi10",
    }


def test_only_what_is_missing_is_restored(discovery):
    server = Server(discovery.url)
    held = ngsi.read_discovery(server, {})
    discovery.asked.clear()
    ngsi.restore_discovery(server, held, ["s:sid1"])
    assert discovery.calls == ["POST /ngsi9/UpdateLDContextAvailability/sid1"]


# -- broker ------------------------------------------------------------------------------------------------------------


def test_the_broker_gets_back_what_it_had_and_the_headers_that_made_it(broker):
    server = Server(broker.stub.url)
    broker.entities["T1"] = {"entityId": {"id": "T1", "type": "Temperature"}, "attributes": []}
    broker.subscriptions["old"] = {
        "entities": [{"type": "Temperature", "id": "T1"}],
        "attributes": ["t"],
        "reference": "http://127.0.0.1:1/x",
        "restriction": {"scopes": []},
        "Subscriber": {"Correlator": "Task.f.1", "Destination": "", "RequireReliability": True},
    }
    held = ngsi.read_broker(server)
    broker.silent = True
    broker.entities.clear()
    broker.subscriptions.clear()
    broker.stub.asked.clear()
    ngsi.restore_broker(server, held, held)
    assert broker.stub.calls == ["POST /ngsi10/updateContext", "POST /ngsi10/subscribeContext"], "entities first"
    sent = broker.stub.asked[1][2]
    assert (sent["Fiware-Correlator"], sent["Require-Reliability"]) == ("Task.f.1", "true")
    assert "Destination" not in sent
    assert told(ngsi.read_broker(server)) == told(held), "known by what it is about, not by its new id"


def told(held):
    """What was read, without the ids that a broker gives."""
    return {key: {name: one[name] for name in one if name != ngsi.IDS} for key, one in held.items()}


def test_subscriptions_that_differ_in_one_thing_are_two(broker):
    one = {"entities": [{"id": "T1"}], "reference": "http://127.0.0.1:1/x", "Subscriber": {}}
    broker.subscriptions = {"a": one, "b": {**one, "attributes": ["t"]}, "c": dict(one)}
    assert len(ngsi.read_broker(Server(broker.stub.url))) == 2, "the same twice is one"


def test_what_a_broker_notes_of_its_own_subscription_at_another_is_not_held(broker):
    noted = {"entities": [{"id": "T1"}], "reference": f"{broker.stub.url}/ngsi10", "Subscriber": {"BrokerURL": "x"}}
    broker.subscriptions = {"a": noted, "b": {**noted, "reference": "http://127.0.0.1:1/x"}}
    held = ngsi.read_broker(Server(broker.stub.url))
    assert [one["reference"] for one in held.values()] == ["http://127.0.0.1:1/x"], "put back, it would call itself"


def test_a_subscription_of_another_broker_is_never_restored(broker):
    """That one subscribes again when it is told of the entity: it would be there twice."""
    of_broker = {"entities": [{"id": "T1"}], "reference": "http://127.0.0.1:1/x", "Subscriber": {"IsInternal": True}}
    broker.entities, broker.subscriptions = {"T1": {"entityId": {"id": "T1"}}}, {"a": of_broker}
    assert ngsi.read_broker(Server(broker.stub.url)).keys() == {"e:T1"}


# -- designer ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "count"),
    [({}, 0), ({"f1": {}}, 1), ([{}, {}], 2), ((404, None), -1), ("<html>", -1), ((500, None), -1)],
)
def test_functions_of_a_designer_without_a_database_are_counted_or_unknown(answer, count):
    with stub({"GET /fogfunction": answer}) as designer:
        assert ngsi.read_functions(Server(designer.url)) == count


@pytest.mark.parametrize(
    ("answer", "database"), [((404, None), {}), ({"a": {}, "b": []}, {}), ({"a": {"x": 1}}, {"a": {"x": 1}}), ((500, None), None)]
)  # fmt: skip
def test_a_designer_without_a_database_is_distinguished_from_one_that_fails(answer, database):
    with stub({"GET /data/meta/db.json": answer}) as designer:
        assert ngsi.read_database(Server(designer.url)) == database


# -- one look ----------------------------------------------------------------------------------------------------------


METRICS_AT = "GET /metrics/detailed?family=queue_consumer_count&family=connection_coarse_metrics"


class NoKube:
    def pods(self):
        return {}

    def services(self):
        return frozenset({"fogflow-task-1", "fogflow-task-2"})

    def tasks(self):
        return {
            "fogflow-task-1": Task("f1", "Task.f1.1"),
            "fogflow-task-3": Task("", "Task.f1.1"),
            "fogflow-task-4": Task(),
        }


def urls(**others):
    return dict.fromkeys((RABBITMQ, DISCOVERY, BROKER, MASTER, DESIGNER, NGINX), "http://127.0.0.1:9") | others


def test_a_snapshot_when_no_member_answers():
    snapshot = observe(Members("001", urls()), NoKube(), Memory())
    assert set(snapshot.answers.values()) == {False}
    assert (snapshot.consumers, snapshot.worker_heartbeat, snapshot.discovery, snapshot.broker, snapshot.expected) == (
        None,
    ) * 5
    assert snapshot.tasks == ("fogflow-task-1", "fogflow-task-3", "fogflow-task-4")
    assert (snapshot.topologies, snapshot.doubled) == ({"fogflow-task-1": "f1"}, ("Task.f1.1",))
    assert snapshot.lone_services == ("fogflow-task-2",)


def test_the_native_worker_removes_its_services_itself():
    members = replace(Members("001", urls()), keeps_tasks=True)
    snapshot = observe(members, NoKube(), Memory())
    assert (snapshot.lone_services, snapshot.doubled) == ((), ())


@pytest.mark.parametrize("key", ["Last_Heartbeat_Update", "last_heartbeat_update"])
def test_a_snapshot_when_everything_works(discovery, broker, key):
    master = {"GET /status": "ok", "GET /workers": {"Worker.001": {key: "2026", "workload": 3}}}
    with stub(master) as m, stub({METRICS_AT: METRICS}) as bus:
        members = Members(
            "001", urls(**{DISCOVERY: discovery.url, BROKER: broker.stub.url, MASTER: m.url, RABBITMQ: bus.url})
        )
        snapshot = observe(members, NoKube(), Memory())
    assert (snapshot.consumers, snapshot.connections) == (dict.fromkeys(ORDERED, 1), 2)
    assert (snapshot.worker_heartbeat, snapshot.workload, snapshot.brokers) == ("2026", 3, 1)
    assert snapshot.discovery.keys() == {"r:urn:T 1/a", "s:sid1"}
    assert snapshot.broker == {}
    assert WORKER not in snapshot.answers


def test_a_snapshot_with_several_brokers_and_workers(discovery, broker):
    other = Broker()
    other.entities = {"T2": {"entityId": {"id": "T2"}}}
    workers = {"Worker.001": {"workload": 3}, "Worker.001.1": {"Last_Heartbeat_Update": "2027", "workload": 2}}
    metrics = METRICS + '\nrabbitmq_detailed_queue_consumers{vhost="/",queue="Worker.001.1"} 1'
    with (
        stub({"GET /status": "ok", "GET /workers": workers}) as master,
        stub({METRICS_AT: metrics}) as bus,
        stub(other.answers) as second,
    ):
        known = {DISCOVERY: discovery.url, BROKER: broker.stub.url, MASTER: master.url, RABBITMQ: bus.url}
        members = Members("001", urls(**known, **{f"{BROKER}-1": second.url}), workers=instances(WORKER, 3))
        snapshot = observe(members, NoKube(), Memory())
    assert snapshot.shards == (BROKER, f"{BROKER}-1")
    assert (snapshot.held(BROKER), snapshot.held(f"{BROKER}-1").keys()) == ({}, {"e:T2"})
    assert snapshot.answers[f"{BROKER}-1"]
    assert [snapshot.heartbeat(name) for name in snapshot.workers] == ["listed", "2027", ""]
    assert [snapshot.consumers[name] for name in snapshot.workers] == [1, 1, 0]
    assert snapshot.workload == 5


def test_queues_of_other_names_are_watched_and_the_master_still_knows_workers_by_their_ids():
    """Two consumers while one worker follows the other are no fault."""
    metrics = "\n".join(
        f'rabbitmq_detailed_queue_consumers{{vhost="/",queue="{queue}"}} {count}'
        for queue, count in (("fogflow-k8s.Worker.001", 2), ("fogflow-k8s.Worker.001.1", 1), ("Worker.001", 7))
    )
    workers = {"Worker.001": {"workload": 3}, "Worker.001.1": {"Last_Heartbeat_Update": "2027", "workload": 2}}
    with (
        stub({"GET /status": "ok", "GET /workers": workers}) as master,
        stub({METRICS_AT: metrics}) as bus,
    ):
        members = Members(
            "001", urls(**{MASTER: master.url, RABBITMQ: bus.url}), workers=instances(WORKER, 2), keeps_tasks=True,
            worker_queues=("fogflow-k8s.Worker.001", "fogflow-k8s.Worker.001.1"),
        )  # fmt: skip
        snapshot = observe(members, NoKube(), Memory())
    assert [snapshot.consumers[name] for name in snapshot.workers] == [2, 1]
    assert [snapshot.heartbeat(name) for name in snapshot.workers] == ["listed", "2027"]
    assert (snapshot.workload, snapshot.keeps_tasks) == (5, True)


def test_a_master_that_lists_no_worker_is_distinguished_from_one_that_does_not_answer():
    with stub({"GET /status": "ok", "GET /workers": {}}) as master:
        snapshot = observe(Members("001", urls(**{MASTER: master.url})), NoKube(), Memory())
    assert snapshot.worker_heartbeat == ""


def test_without_metrics_consumers_are_not_checked():
    members = Members("001", {name: url for name, url in urls().items() if name != RABBITMQ})
    snapshot = observe(members, NoKube(), Memory())
    assert (snapshot.checks_consumers, snapshot.consumers) == (False, None)
    assert RABBITMQ not in snapshot.answers


# -- connections -------------------------------------------------------------------------------------------------------


def test_one_connection_is_kept_and_made_anew_when_the_other_side_closed_it():
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    listener = socket.create_server(("127.0.0.1", 0))
    accepted = []

    def serve_two():
        for requests in (2, 1):
            connection, _ = listener.accept()
            accepted.append(connection)
            for _ in range(requests):
                connection.recv(65536)
                connection.sendall(answer)
            connection.close()

    thread = threading.Thread(target=serve_two, daemon=True)
    thread.start()
    server = Server(f"http://127.0.0.1:{listener.getsockname()[1]}")
    assert [server.call("GET", "/") for _ in range(3)] == [{}, {}, {}]
    thread.join(3)
    assert len(accepted) == 2
    server.close()
    listener.close()


def test_one_that_takes_connections_and_does_not_answer_costs_one_timeout():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_s=0.2)
        start = time.monotonic()
        with pytest.raises(TimeoutError):
            server.call("GET", "/")
        assert time.monotonic() - start < 1.0


def test_a_refusal_is_an_answer():
    with stub() as it:
        assert ngsi.answers(Server(it.url), "/nowhere")
        with pytest.raises(Refused) as caught:
            Server(it.url).call("GET", "/nowhere")
    assert caught.value.status == 404


# -- the keeper's own HTTP ---------------------------------------------------------------------------------------------


@pytest.fixture
def keeper(broker):
    shared = Shared(Members("001", urls(**{BROKER: broker.stub.url})), "")
    server = serve(shared, 0)
    shared.callback = shared.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield shared
    server.shutdown()
    server.server_close()


def ask(url, data=None):
    try:
        with urllib.request.urlopen(url, data, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_it_is_healthy_only_while_its_rounds_end(keeper):
    assert ask(keeper.url + "/healthz")[0] == 200
    keeper.last_round -= 31.0
    assert ask(keeper.url + "/healthz")[0] == 503


def test_the_designers_database_is_unknown_then_empty_then_there(keeper):
    assert ask(keeper.url + "/designer/db.json")[0] == 503
    keeper.database = {}
    assert ask(keeper.url + "/designer/db.json")[0] == 204
    keeper.database = {"f": 1}
    assert ask(keeper.url + "/designer/db.json") == (200, '{"f": 1}')


def test_a_round_trip_is_verified_and_leaves_nothing(keeper, broker):
    status, text = ask(keeper.url + "/verify", b"")
    step = next(one for one in json.loads(text)["steps"] if one["name"] == "publish and subscribe")
    assert (status, step["ok"]) == (200, True), text
    assert (broker.entities, broker.subscriptions, keeper.notified) == ({}, {}, {})


def test_what_is_published_at_any_broker_is_notified_by_the_first(broker):
    """The second one passes on what it is told, as brokers do."""
    second = Broker()
    second.answers["POST /ngsi10/updateContext"] = broker.update
    with stub(second.answers) as other:
        shared = Shared(Members("001", urls(**{BROKER: broker.stub.url, f"{BROKER}-1": other.url})), "")
        server = serve(shared, 0)
        shared.callback = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            step = verify(shared)["steps"][-1]
        finally:
            server.shutdown()
            server.server_close()
        assert other.calls == ["POST /ngsi10/updateContext"] * 2
    assert (step["name"], step["ok"]) == (f"publish at {BROKER}-1, subscribe at {BROKER}", True), step
    assert (broker.entities, broker.subscriptions) == ({}, {})


def test_a_second_verification_has_to_wait(keeper):
    assert ask(keeper.url + "/verify", b"")[0] == 200
    assert ask(keeper.url + "/verify", b"")[0] == 429
    with keeper.verifying:
        keeper.verified_at = 0.0
        assert ask(keeper.url + "/verify", b"")[0] == 429


def test_a_broker_that_does_not_notify_fails_the_verification_and_is_cleaned_up(keeper, broker, monkeypatch):
    monkeypatch.setattr("serve._CALLBACK_S", 0.1)
    broker.silent = True
    step = verify(keeper)["steps"][-1]
    assert not step["ok"]
    assert "no notification" in step["why"]
    assert (broker.entities, broker.subscriptions) == ({}, {})


@pytest.mark.parametrize("path", ["/", "/notifyContext", "/x/notifyContext", "/%2e%2e/notifyContext"])
def test_whatever_is_posted_the_server_lives_on(keeper, path):
    ask(keeper.url + path, b"{")
    assert ask(keeper.url + "/healthz")[0] == 200


@pytest.mark.parametrize("has_ipv6", [True, False])
def test_it_answers_on_addresses_of_both_kinds_and_where_ipv6_is_off(has_ipv6, monkeypatch):
    if not socket.has_dualstack_ipv6() and has_ipv6:
        pytest.skip("this machine has no IPv6")
    monkeypatch.setattr("serve._Server.address_family", socket.AF_INET6 if has_ipv6 else socket.AF_INET)
    server = serve(Shared(Members("001", {}), ""), 0)
    try:
        for host in ("127.0.0.1", "::1") if has_ipv6 else ("127.0.0.1",):
            connection = http.client.HTTPConnection(host, server.server_address[1], timeout=10)
            connection.request("GET", "/nothing")
            assert connection.getresponse().status == 404
            connection.close()
    finally:
        server.shutdown()
        server.server_close()
