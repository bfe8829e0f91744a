"""The last step of verify, the dashboard: what its answers mean."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from fogflow_k8s.actions.observe import verify
from fogflow_k8s.actions.observe.verify import _from_here, ask
from fogflow_k8s.engine.waiting import SystemClock
from fogflow_k8s.errors import ClusterError, FogflowError

OP = SimpleNamespace(clock=SystemClock())


@contextlib.contextmanager
def serving(handler):
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def door():
    class Door(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(int(self.path.strip("/")))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with serving(Door) as server:
        yield f"http://127.0.0.1:{server.server_address[1]}"


@pytest.mark.parametrize(("status", "why"), [(200, ""), (401, ""), (404, "it answers 404"), (502, "it answers 502")])
def test_a_page_or_a_question_for_a_login_is_an_answer(door, status, why):
    step = _from_here(OP, f"{door}/{status}")
    assert (step.ok, step.why) == (not why, why)
    assert step.ms > 0


@pytest.fixture
def keeper():
    """One whose answers to /verify are given; the last again and again."""

    class Keeper(BaseHTTPRequestHandler):
        def do_POST(self):
            status, body = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    with serving(Keeper) as server:
        yield server


def test_a_keeper_that_has_just_verified_is_asked_again(keeper):
    keeper.answers = [(429, "verified a moment ago"), (429, "another verification"), (200, json.dumps({"steps": []}))]
    assert ask(keeper.server_address[1]) == {"steps": []}


def test_a_keeper_that_never_has_time_is_told(keeper, monkeypatch):
    monkeypatch.setattr(verify, "_BUSY_S", 0.2)
    keeper.answers = [(429, "verified a moment ago")]
    with pytest.raises(FogflowError, match="the tests of another client") as told:
        ask(keeper.server_address[1])
    assert told.value.exit_code == 50


def test_a_keeper_that_answers_with_anything_else_is_told(keeper):
    keeper.answers = [(500, "oops")]
    with pytest.raises(ClusterError, match="answered 500: oops"):
        ask(keeper.server_address[1])


def test_an_address_that_leads_nowhere_says_what_to_look_at():
    step = _from_here(OP, "http://127.0.0.1:1/index.html")
    assert not step.ok
    assert "not reached from this machine" in step.why
    assert "--inside" in step.why
