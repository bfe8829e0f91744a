"""The receiver of notifications: it notes which update each one is about, and when it arrived."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fogflow_k8s.model.bench.requests import SEQUENCE


class Receiver:
    """What arrived since the last `take`. The path of a subscriber's reference is its number."""

    def __init__(self, attribute: str = SEQUENCE) -> None:
        self.attribute = attribute
        self.prepared: set[int] = set()
        """The numbers below 0 that have arrived: those of the preparation."""
        self._arrived: list[tuple[int, int, float]] = []
        self._lock = threading.Lock()

    def note(self, subscriber: int, body: Any, at_s: float) -> None:
        """Note a notification."""
        numbers = [
            int(attribute["value"])
            for response in body.get("contextResponses") or []
            for attribute in (response.get("contextElement") or {}).get("attributes") or []
            if attribute.get("name") == self.attribute
        ]
        with self._lock:
            self._arrived += [(subscriber, number, at_s) for number in numbers if number >= 0]
            self.prepared.update(number for number in numbers if number < 0)

    @property
    def count(self) -> int:
        """The number of notifications since the last `take`."""
        return len(self._arrived)

    def take(self) -> list[tuple[int, int, float]]:
        """Subscriber, number of the update and seconds since 1970 of everything since the last call."""
        with self._lock:
            found, self._arrived = self._arrived, []
        return found


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512  # the broker opens a connection for each notification


@contextmanager
def listening(port: int, attribute: str = SEQUENCE) -> Iterator[tuple[Receiver, int]]:
    """A receiver at this port (0: a free one), and the port. Raises OSError."""
    receiver = Receiver(attribute)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            at_s = time.time()
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            content = b'{"errorCode":{"code":200,"reasonPhrase":"OK"}}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            try:  # the broker appends /notifyContext to the reference
                receiver.note(int(self.path.strip("/").split("/")[0]), json.loads(body), at_s)
            except (ValueError, KeyError, TypeError, AttributeError):  # not a notification of this run
                return

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
            """Write nothing: the log is the result."""

    with _Server(("", port), Handler) as server:
        threading.Thread(target=server.serve_forever, name="receiver", daemon=True).start()
        try:
            yield receiver, server.server_address[1]
        finally:
            server.shutdown()
