"""The clients of the designer and the broker: their answers, and requests without an answer."""

import socket

import pytest

from fogflow_k8s.adapters.fogflow import api as fogflow_api
from fogflow_k8s.adapters.fogflow.api import Broker, Designer, HttpApi
from fogflow_k8s.errors import ClusterError
from tests.unit.actions.fogflow import FogFlow, serving


@pytest.fixture
def served():
    """A scripted server and its port."""
    fog = FogFlow()
    server = serving(fog)
    yield fog, server.server_address[1]
    server.shutdown()
    server.server_close()


def test_missing_ok_accepts_404_and_410(served):
    fog, port = served
    api = Designer("designer", port)
    api.remove_function("absent/x")
    assert fog.calls == ["DELETE /fogfunction/absent%2Fx"]
    with pytest.raises(ClusterError, match="answered 404 to DELETE /operator/x") as error:
        api.call("DELETE", "/operator/x")
    assert (error.value.status, error.value.hint) == (404, "fogflow-k8s logs designer")
    api.close()


def test_an_answer_that_is_not_json_is_none(served):
    _, port = served
    api = HttpApi("designer", port)
    assert api.call("POST", "/operator", []) is None
    api.close()


def test_an_idle_connection_is_opened_again(served, monkeypatch):
    _, port = served
    api = Designer("designer", port)
    api.functions()
    first = api._connection.sock
    api.functions()
    assert api._connection.sock is first
    monkeypatch.setattr(fogflow_api, "_IDLE_S", -1)
    api.functions()
    assert api._connection.sock is not first
    api.close()


def test_no_request_to_the_broker_has_more_than_one_element(served):
    fog, port = served
    api, ids = Broker("cloud-broker", port), [f"T{n}" for n in range(5)]
    api.update([{"entityId": {"id": id_, "type": "T"}, "attributes": []} for id_ in ids])
    first = api._connection.sock
    assert list(fog.entities) == ids
    api.delete([{"id": id_, "type": "T"} for id_ in ids[:4]])
    assert list(fog.entities) == ids[4:]
    assert fog.calls == ["POST /ngsi10/updateContext"] * 9
    assert api._connection.sock is first, "one connection for all of them"
    api.close()


@pytest.mark.parametrize("answers", [False, True])
def test_a_closed_port_and_a_broken_answer_are_errors(answers):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        if answers:
            listener.listen()
        api = HttpApi("designer", port, timeout_s=0.3)
        with pytest.raises(ClusterError, match="the designer did not answer GET /x") as error:
            api.call("GET", "/x")
        assert "logs designer" in error.value.hint
