"""Two fakes of the broker and one of discovery as processes: what shards find of each other, and what the keeper puts back."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time

import pytest

from tests.chart.conftest import CHART, ROOT
from tests.go_tools import built
from tests.unit.keeper.stub import Stub

sys.path.insert(0, str(CHART / "files/keeper"))
import ngsi
from http_json import Refused, Server

SECOND = {"entityId": {"id": "T2", "type": "T"}, "attributes": [{"name": "t", "value": 1}]}


def until(check, what):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if found := check():
            return found
        time.sleep(0.02)
    raise AssertionError(what)


@pytest.fixture(scope="session")
def programs():
    return built(ROOT / "tests/fakes", "./broker", "./discovery")


class Brokers:
    """Discovery, and brokers by number."""

    def __init__(self, programs, folder):
        self.programs, self.folder, self.processes = programs, folder, {}
        listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
        self.ports = [listener.getsockname()[1] for listener in listeners]
        for listener in listeners:
            listener.close()
        self.start("discovery", 2)
        self.start("broker", 0)
        self.start("broker", 1)

    def start(self, program, n):
        at = {"discovery": {"host_ip": "127.0.0.1", "http_port": self.ports[2]}, "site_id": "001"}
        config = {**at, "my_hostip": "127.0.0.1", "broker": {"http_port": self.ports[n], "heartbeat_interval": 5}}
        file = self.folder / f"{program}-{n}.json"
        file.write_text(json.dumps(config), encoding="utf-8")
        argv = [str(self.programs / program), "-f", str(file), "-i", str(n)]
        self.processes[n] = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
        path = "/ngsi9/status" if program == "discovery" else "/version"
        with self.at(n) as server:
            until(lambda: ngsi.answers(server, path), f"{program} {n}")

    def at(self, n):
        return contextlib.closing(Server(f"http://127.0.0.1:{self.ports[n]}"))

    def end(self, n):
        self.processes[n].kill()
        self.processes[n].wait()


@pytest.fixture
def brokers(programs, tmp_path):
    it = Brokers(programs, tmp_path)
    yield it
    for n in it.processes:
        it.end(n)
    shutil.rmtree(tmp_path, ignore_errors=True)


def call(brokers, n, path, body):
    with brokers.at(n) as server:
        return server.call("POST", f"/ngsi10/{path}", body)


def update(brokers, n, action, element=SECOND):
    call(brokers, n, "updateContext", {"contextElements": [element], "updateAction": action})


def held(brokers, n):
    with brokers.at(n) as server:
        return ngsi.read_broker(server)


def subscriptions(brokers, at):
    """All that a broker holds, those of other brokers among them."""
    with brokers.at(at) as server:
        return server.call("GET", "/ngsi10/subscription")


def test_each_has_a_name_of_its_own_at_discovery(brokers):
    with brokers.at(2) as server:
        assert server.call("GET", "/ngsi9/broker").keys() == {"Broker.001", "Broker.001.1"}


def test_what_one_does_not_own_it_asks_the_owner_for(brokers):
    update(brokers, 1, "UPDATE")
    update(brokers, 0, "UPDATE", {**SECOND, "attributes": [{"name": "t", "value": 2}]})
    assert held(brokers, 0).keys() == set()
    assert held(brokers, 1)["e:T2"]["attributes"][0]["value"] == 2
    found = call(brokers, 0, "queryContext", {"entities": [{"id": "T2"}]})["contextResponses"]
    assert found[0]["contextElement"]["attributes"][0]["value"] == 2
    with brokers.at(0) as server, pytest.raises(Refused, match="404"):
        server.call("GET", "/ngsi10/entity/T2")
    update(brokers, 0, "DELETE")
    assert held(brokers, 1) == {}


def test_append_elsewhere_is_answered_and_lost(brokers):
    update(brokers, 1, "UPDATE")
    update(brokers, 0, "APPEND", {**SECOND, "attributes": [{"name": "t", "value": 3}]})
    assert held(brokers, 1)["e:T2"]["attributes"][0]["value"] == 1


@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_one_gets_back_what_it_held_and_its_subscribers_hear_again(brokers, lost):
    """Subscribed at the first, published at the second: either may be the one that is lost."""
    application = Stub({"POST /notifyContext": {}})
    call(brokers, 0, "subscribeContext", {"entities": [{"id": "T2"}], "reference": application.url})
    update(brokers, 1, "UPDATE")
    until(lambda: application.asked, "the subscriber hears of the other broker's entity")
    until(lambda: subscriptions(brokers, 1), "the first subscribed at the second")
    assert (len(held(brokers, 0)), len(held(brokers, 1))) == (1, 1), "what brokers subscribe for themselves is not held"
    before = held(brokers, lost)
    brokers.end(lost)
    brokers.start("broker", lost)
    assert held(brokers, lost) == {}
    with brokers.at(lost) as server:
        ngsi.restore_broker(server, before, before.keys())
    assert held(brokers, lost).keys() == before.keys()
    until(lambda: subscriptions(brokers, 1), "the first is told of the entity, and subscribed again")
    application.asked.clear()
    update(brokers, 1, "UPDATE", {**SECOND, "attributes": [{"name": "t", "value": 4}]})
    until(lambda: "4" in json.dumps([body for _, body, _ in application.asked]), "it hears again")
    application.close()
