"""The rendered nginx.conf in a real nginx on loopback, with recorders in the place of discovery, broker and designer."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.ports import free_port

PROGRAM = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
_LONGEST_START_S = 10.0


@dataclass
class Reached:
    """What came through to whom: (component, method, target as sent, headers)."""

    seen: list[tuple[str, str, str, dict[str, str]]] = field(default_factory=list)

    def take(self) -> list[tuple[str, str, str, dict[str, str]]]:
        """What came since the last time."""
        seen, self.seen = self.seen, []
        return seen


@dataclass
class Proxy:
    """The reverse proxy."""

    port: int
    reached: Reached

    def ask(self, target: str, method: str = "GET", headers: dict[str, str] | None = None) -> int:
        """The status; the target is sent as it is, which no ordinary client would do."""
        self.reached.take()
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.putrequest(method, "/", skip_host=False)
            line = f"{method} {target} HTTP/1.1".encode("latin-1")
            connection._buffer[0] = line
            for key, value in (headers or {}).items():
                connection.putheader(key, value)
            connection.putheader("Connection", (headers or {}).get("Connection", "close"))
            connection.endheaders()
            return connection.getresponse().status
        finally:
            connection.close()


@contextlib.contextmanager
def reverse_proxy(conf: str, folder: Path) -> Iterator[Proxy]:
    """nginx with `conf`; its upstreams are recorders, its ports and files are of this test."""
    reached = Reached()
    with contextlib.ExitStack() as stack:
        for name, port in (("discovery", 8090), ("cloud-broker", 8070), ("designer", 8080)):
            upstream = stack.enter_context(_recorder(name, reached))
            asked = f"http://{name}.fogflow.svc.cluster.local:{port}"
            assert asked in conf
            conf = conf.replace(asked, f"http://127.0.0.1:{upstream}")
        port = free_port()
        conf = conf.replace("listen 8080;", f"listen 127.0.0.1:{port};").replace("/tmp/", f"{folder}/")
        conf = conf.replace("listen [::]:8080;", f"listen [::1]:{port};")
        conf = conf.replace("/etc/nginx/auth/", f"{folder}/").replace("access_log /dev/stdout;", "access_log off;")
        path = folder / "nginx.conf"
        path.write_text(conf, encoding="utf-8")
        more = "daemon off;" + (" user root;" if os.geteuid() == 0 else "")
        argv = [str(PROGRAM), "-p", str(folder), "-c", str(path), "-e", "stderr", "-g", more]
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            _wait(port, process)
            yield Proxy(port, reached)
        finally:
            process.terminate()
            process.communicate(timeout=10)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _LONGEST_START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(process.communicate()[1].decode())
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError("nginx does not listen")


@contextlib.contextmanager
def _recorder(name: str, reached: Reached) -> Iterator[int]:
    """The port of a server that notes what it is asked, and answers 200."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            # http.server merges leading slashes of the path; the line has it as it was sent
            target = self.raw_requestline.decode("latin-1").split(" ")[1]
            reached.seen.append((name, self.command, target, {k.lower(): v for k, v in self.headers.items()}))
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
