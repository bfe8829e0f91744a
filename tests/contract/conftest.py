"""A stub API server that does as it is told, a fake helm that records what it is given, and FogFlow's fakes on a real RabbitMQ."""

import json
import stat
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from fogflow_k8s.adapters.kubernetes.client import KubeCluster
from fogflow_k8s.adapters.kubernetes.kubeconfig import KubeContext
from tests.contract.recorded_bus import listening, on_a_bus


class Stub(ThreadingHTTPServer):
    """Answers each request with the next of `script`, else 200 {}; keeps what was asked in `asked`."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script, self.asked = [], []

    def handle_error(self, request, client_address):
        """A client that hangs up is part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(
            SimpleNamespace(method=self.command, path=self.path, headers=dict(self.headers), body=body)
        )
        status, answer, headers = 200, {}, {}
        if self.server.script:
            step = self.server.script.pop(0)
            if step == "cut":
                self.close_connection = True
                self.connection.close()
                return
            if isinstance(step, float):
                time.sleep(step)
            else:
                status, answer, headers = (*step, {}, {})[:3]
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - the base class's names

    def log_message(self, *_):
        pass


@pytest.fixture
def stub():
    yield from serving(Stub())


def serving(server):
    """The server, at work until the test has ended."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cluster(stub):
    made = KubeCluster(KubeContext("stub", f"http://127.0.0.1:{stub.server_port}"), timeout_s=0.5)
    yield made
    made.close()


@pytest.fixture
def helm_script(tmp_path):
    """Writes a helm that records argv and stdin, then runs the given shell text."""

    def write(text):
        path = tmp_path / "helm"
        path.write_text(
            f'#!/bin/bash\nprintf "%s\\n" "$@" >> {tmp_path}/argv\nif [ "$1" != version ]; then cat >> {tmp_path}/stdin; fi\n{text}\n'
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    return write


@pytest.fixture
def programs(tmp_path):
    """FogFlow's fakes, which share a RabbitMQ."""
    yield from on_a_bus(tmp_path)


@pytest.fixture
def bus():
    """What is said on it."""
    yield from listening()
