"""The dashboard as users come to it: what its answers mean."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from fogflow_k8s.actions.verify import _from_here
from fogflow_k8s.engine.waiting import SystemClock

OP = SimpleNamespace(clock=SystemClock())


@pytest.fixture
def door():
    class Door(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(int(self.path.strip("/")))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("status", "why"), [(200, ""), (401, ""), (404, "it answers 404"), (502, "it answers 502")])
def test_a_page_or_a_question_for_a_login_is_an_answer(door, status, why):
    step = _from_here(OP, f"{door}/{status}")
    assert (step.ok, step.why) == (not why, why)
    assert step.ms > 0


def test_an_address_that_leads_nowhere_says_what_to_look_at():
    step = _from_here(OP, "http://127.0.0.1:1/index.html")
    assert not step.ok
    assert "not reached from this machine" in step.why
    assert "--inside" in step.why
