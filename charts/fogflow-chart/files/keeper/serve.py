"""The HTTP server of a keeper: /healthz, /metrics, the designer's database, and POST /verify.

The kubelet probes /healthz, Prometheus reads /metrics, and the designer's init container fetches the database that the designer has
lost. `fogflow-k8s verify` posts to /verify: that publishes an entity at a broker and waits for the notification, which the broker
sends to this server. The server runs in threads beside the loop (rounds.py); `Shared` is what both use.
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from http_json import ERRORS, Refused, Server
from observe import Members
from snapshot import BROKER, DESIGNER, NGINX

PORT = 8095
ALIVE_S = 30.0
"""A round must end within this time; otherwise the kubelet restarts the keeper."""
VERIFY_EVERY_S = 2.0
"""Least time between two verifications."""
_NAMED = 5
"""Number of addresses in one sentence."""
_CALLBACK_S = 5.0
"""Time for a notification to arrive."""
LIVE = "subscriptions lead to tasks that exist"
"""Name of a step of a verification, also of an edge's."""


class Shared:
    """State that the loop and the requests share."""

    def __init__(self, members: Members, callback: str) -> None:
        self.members, self.callback = members, callback
        self.last_round = time.monotonic()
        self.metrics = ""
        self.database: Mapping[str, Any] | None = None
        self.report: Callable[[], dict[str, Any]] = lambda: {"state": "starting", "why": "", "components": {}}
        self.verify: Callable[[Shared], dict[str, Any]] = verify
        self.verifying = threading.Lock()
        self.verified_at = 0.0
        self.notified: dict[str, threading.Event] = {}


def serve(shared: Shared, port: int = PORT) -> ThreadingHTTPServer:
    """Answer in the background, on every address."""

    class Handler(_Handler):
        pass

    Handler.shared = shared
    server = _Server(("", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class _Server(ThreadingHTTPServer):
    """Listens on all IPv6 and IPv4 addresses; on IPv4 only where IPv6 is disabled."""

    daemon_threads = True
    address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET

    def server_bind(self) -> None:
        """Accept IPv4 connections, too."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


class _Handler(BaseHTTPRequestHandler):
    shared: Shared
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_GET(self) -> None:
        """/healthz, /metrics, and the database for the designer's init container."""
        if self.path == "/healthz":
            alive = time.monotonic() - self.shared.last_round < ALIVE_S
            self._answer(200 if alive else 503, "ok\n" if alive else "no round has ended for too long\n")
        elif self.path == "/metrics":
            self._answer(200, self.shared.metrics)
        elif self.path == "/designer/db.json":
            database = self.shared.database
            status = 503 if database is None else 200 if database else 204
            self._answer(status, json.dumps(database or {}), "application/json")
        else:
            self._answer(404, "not found\n")

    def do_POST(self) -> None:
        """/verify, and the notifications of its subscriptions."""
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1 << 20))
        path = self.path.rstrip("/")
        if path.endswith("/notifyContext"):
            if event := self.shared.notified.get(path.split("/")[1]):
                event.set()
            self._answer(200, "{}", "application/json")
        elif path == "/verify":
            self._verify()
        else:
            self._answer(404, f"not found: {len(body)} bytes\n")

    def _verify(self) -> None:
        shared = self.shared
        if not shared.verifying.acquire(blocking=False):
            self._answer(429, "another verification is running\n")
            return
        try:
            if time.monotonic() - shared.verified_at < VERIFY_EVERY_S:
                self._answer(429, "verified a moment ago\n")
                return
            answer = shared.verify(shared)
            shared.verified_at = time.monotonic()
            self._answer(200, json.dumps(answer), "application/json")
        finally:
            shared.verifying.release()

    def _answer(self, status: int, text: str, kind: str = "text/plain; charset=utf-8") -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Log nothing: probes come every few seconds."""


def verify(shared: Shared) -> dict[str, Any]:
    """Verify that the control plane works: the result of each step. It has connections of its own, because the loop uses the others."""
    servers = {name: Server(url) for name, url in shared.members.urls.items() if url}
    steps = [step("last health report", lambda: _last_report(shared))]
    steps.append(step(LIVE, lambda: dead_references(shared)))
    steps.append(step("reverse proxy", lambda: _page(servers[NGINX], "/index.html")))
    steps.append(step("dashboard", lambda: _page(servers[DESIGNER], "/config.js")))
    steps.append(step("publish and subscribe", lambda: round_trip(servers[BROKER], servers[BROKER], shared)))
    for name in shared.members.shards[1:]:
        across = partial(round_trip, servers[name], servers[BROKER], shared)
        steps.append(step(f"publish at {name}, subscribe at {BROKER}", across))
    for server in servers.values():
        server.close()
    return {"v": 1, "ok": all(step["ok"] for step in steps), "steps": steps}


def step(name: str, run: Callable[[], str]) -> dict[str, Any]:
    """Run one step of a verification: its name, result and duration."""
    start = time.monotonic()
    try:
        why = run()
    except ERRORS as error:
        why = str(error) or type(error).__name__
    return {"name": name, "ok": not why, "why": why, "ms": round((time.monotonic() - start) * 1000, 1)}


def _last_report(shared: Shared) -> str:
    document = shared.report()
    return "" if document["state"] == "working" else f"{document['state']}: {document['why']}"


def dead_references(shared: Shared) -> str:
    """Which brokers keep subscriptions of deleted tasks, by the last health report; empty when there are none."""
    dead = (shared.report().get("references") or {}).get("dead") or {}
    return "; ".join(f"{broker} keeps those of {', '.join(found[:_NAMED])}" for broker, found in dead.items())


def _page(server: Server, path: str) -> str:
    try:
        server.call("GET", path)
    except Refused as error:
        if error.status != 401:  # the login of the reverse proxy
            raise
    return ""


def round_trip(publisher: Server, broker: Server, shared: Shared) -> str:
    """Publish an entity at one broker and await its notification from another (or the same) one; both are removed again.

    Returns why it failed, or an empty string. Raises ERRORS.
    """
    mark = f"fogflow-k8s-verify-{secrets.token_hex(6)}"
    entity = {"id": mark, "type": "FogflowK8sVerify"}
    event = shared.notified[mark] = threading.Event()
    update = {"contextElements": [{"entityId": entity, "attributes": []}]}
    sid = ""
    try:
        made = broker.call(
            "POST", "/ngsi10/subscribeContext", {"entities": [entity], "reference": f"{shared.callback}/{mark}"}
        )
        sid = str(((made or {}).get("subscribeResponse") or {}).get("subscriptionId") or "")
        publisher.call("POST", "/ngsi10/updateContext", {**update, "updateAction": "UPDATE"})
        return "" if event.wait(_CALLBACK_S) else f"no notification within {_CALLBACK_S:.0f} s"
    finally:
        if sid:
            broker.call("POST", "/ngsi10/unsubscribeContext", {"subscriptionId": sid})
        publisher.call("POST", "/ngsi10/updateContext", {**update, "updateAction": "DELETE"})
        shared.notified.pop(mark, None)
