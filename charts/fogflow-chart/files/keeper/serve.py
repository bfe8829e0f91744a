"""The keeper's own HTTP: /healthz, /metrics, POST /verify, and the callback of the broker in a verification."""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cell import BROKER, DESIGNER, NGINX
from http_json import ERRORS, Refused, Server
from observe import Members

PORT = 8095
ALIVE_S = 30.0
"""The loop has to come round that often, or the kubelet starts us anew."""
VERIFY_EVERY_S = 2.0
_NAMED = 5
"""So many addresses in one sentence."""
_CALLBACK_S = 5.0
LIVE = "subscriptions lead to tasks that exist"
"""The name of a proof's step, a cell's or an edge's."""


class Shared:
    """What the loop and the requests share."""

    def __init__(self, members: Members, callback: str) -> None:
        self.members, self.callback = members, callback
        self.beat = time.monotonic()
        self.metrics = ""
        self.database: dict[str, Any] | None = None
        self.state: Callable[[], dict[str, Any]] = lambda: {"state": "starting", "why": "", "components": {}}
        self.prove: Callable[[Shared], dict[str, Any]] = verify
        self.verifying = threading.Lock()
        self.verified_at = 0.0
        self.notified: dict[str, threading.Event] = {}


def serve(shared: Shared, port: int = PORT) -> ThreadingHTTPServer:
    """Answer in the background, on every address."""

    class Handler(_Handler):
        its = shared

    server = _Server(("", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class _Server(ThreadingHTTPServer):
    """On every address of both kinds; where IPv6 is off, of the other one."""

    daemon_threads = True
    address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET

    def server_bind(self) -> None:
        """Let it take IPv4, too."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


class _Handler(BaseHTTPRequestHandler):
    its: Shared
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_GET(self) -> None:
        """/healthz and /metrics; for the designer's gate, the database that it may have lost."""
        if self.path == "/healthz":
            alive = time.monotonic() - self.its.beat < ALIVE_S
            self._answer(200 if alive else 503, "ok\n" if alive else "the loop is stuck\n")
        elif self.path == "/metrics":
            self._answer(200, self.its.metrics)
        elif self.path == "/designer/db.json":
            known = self.its.database
            self._answer(503 if known is None else 200 if known else 204, json.dumps(known or {}), "application/json")
        else:
            self._answer(404, "not found\n")

    def do_POST(self) -> None:
        """/verify, and what the broker sends meanwhile."""
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1 << 20))
        path = self.path.rstrip("/")
        if path.endswith("/notifyContext"):
            if event := self.its.notified.get(path.split("/")[1]):
                event.set()
            self._answer(200, "{}", "application/json")
        elif path == "/verify":
            self._verify()
        else:
            self._answer(404, f"not found: {len(body)} bytes\n")

    def _verify(self) -> None:
        its = self.its
        if not its.verifying.acquire(blocking=False):
            self._answer(429, "another verification is running\n")
            return
        try:
            if time.monotonic() - its.verified_at < VERIFY_EVERY_S:
                self._answer(429, "verified a moment ago\n")
                return
            answer = its.prove(its)
            its.verified_at = time.monotonic()
            self._answer(200, json.dumps(answer), "application/json")
        finally:
            its.verifying.release()

    def _answer(self, status: int, text: str, kind: str = "text/plain; charset=utf-8") -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing: probes come every few seconds."""


def verify(its: Shared) -> dict[str, Any]:
    """The proof that the cell works, step by step; every step is tried. Connections of its own: the loop has the others."""
    servers = {name: Server(url) for name, url in its.members.urls.items() if url}
    steps = [step("the cell, as last seen", lambda: _cell(its))]
    steps.append(step(LIVE, lambda: gone(its)))
    steps.append(step("front door", lambda: _page(servers[NGINX], "/index.html")))
    steps.append(step("dashboard", lambda: _page(servers[DESIGNER], "/config.js")))
    steps.append(step("publish and subscribe", lambda: round_trip(servers[BROKER], servers[BROKER], its)))
    for name in its.members.shards[1:]:
        across = partial(round_trip, servers[name], servers[BROKER], its)
        steps.append(step(f"publish at {name}, subscribe at {BROKER}", across))
    for server in servers.values():
        server.close()
    return {"v": 1, "ok": all(step["ok"] for step in steps), "steps": steps}


def step(name: str, run: Callable[[], str]) -> dict[str, Any]:
    """One step of a proof, tried and timed."""
    start = time.monotonic()
    try:
        why = run()
    except ERRORS as error:
        why = str(error) or type(error).__name__
    return {"name": name, "ok": not why, "why": why, "ms": round((time.monotonic() - start) * 1000, 1)}


def _cell(its: Shared) -> str:
    document = its.state()
    return "" if document["state"] == "working" else f"{document['state']}: {document['why']}"


def gone(its: Shared) -> str:
    """Where subscriptions still lead to tasks that do not exist, by the last report."""
    dead = (its.state().get("references") or {}).get("dead") or {}
    return "; ".join(f"{broker} keeps those of {', '.join(found[:_NAMED])}" for broker, found in dead.items())


def _page(server: Server, path: str) -> str:
    try:
        server.call("GET", path)
    except Refused as error:
        if error.status != 401:  # our own login in front of it
            raise
    return ""


def round_trip(publisher: Server, broker: Server, its: Shared) -> str:
    """An entity of our own, at one broker, reaches a subscription of our own, at another or the same; both are removed again."""
    mark = f"fogflow-k8s-verify-{secrets.token_hex(6)}"
    entity = {"id": mark, "type": "FogflowK8sVerify"}
    event = its.notified[mark] = threading.Event()
    update = {"contextElements": [{"entityId": entity, "attributes": []}]}
    sid = ""
    try:
        made = broker.call(
            "POST", "/ngsi10/subscribeContext", {"entities": [entity], "reference": f"{its.callback}/{mark}"}
        )
        sid = str(((made or {}).get("subscribeResponse") or {}).get("subscriptionId") or "")
        publisher.call("POST", "/ngsi10/updateContext", {**update, "updateAction": "UPDATE"})
        return "" if event.wait(_CALLBACK_S) else f"no notification within {_CALLBACK_S:.0f} s"
    finally:
        if sid:
            broker.call("POST", "/ngsi10/unsubscribeContext", {"subscriptionId": sid})
        publisher.call("POST", "/ngsi10/updateContext", {**update, "updateAction": "DELETE"})
        its.notified.pop(mark, None)
