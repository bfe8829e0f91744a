"""The edge's keeper: observes the edge every few seconds, repairs what its programs do not repair themselves, and reports.

    python3 -u edge.py --release NAME --namespace NS --tasks-namespace NS --site ID --member NAME=URL ... --bus HOST:PORT ...

It repairs three losses. An upstream worker that lost RabbitMQ does not reconnect: the keeper restarts it, but only when RabbitMQ
answers again, because a restart ends the worker's tasks. A broker that restarted has lost its entities and subscriptions: the
keeper restores them, and ends the subscriptions of deleted tasks. Entities that devices published while the cloud was away are
not registered at the cloud's discovery, and the broker does not try again: the keeper registers them.

Standard library only: it runs in a stock Python image, mounted from a ConfigMap.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ngsi
from amqp import Session
from edge_rules import BROKER, REMEMBERED, WORKER, EdgeMemory, EdgeSnapshot, decide, report
from http_json import ERRORS, Server
from kube import Kube
from observe import Members
from report import metrics
from rounds import log, run_rounds, stop_event, timestamp
from serve import LIVE, Shared, dead_references, round_trip, serve, step

CALM_S, REPORT_S, TIMEOUT_S = 3.0, 10.0, 5.0
_SAID = 300
"""Number of characters of a list in one line of the log: a broker may have lost thousands of items."""


@dataclass
class Edge:
    """Where everything is, and what is remembered."""

    options: argparse.Namespace
    kube: Kube
    shared: Shared
    broker: Server
    discovery: Server
    memory: EdgeMemory = field(default_factory=EdgeMemory)
    said: dict[str, Any] = field(default_factory=dict)
    reported_at: float = float("-inf")

    @property
    def queue(self) -> str:
        """The queue of this edge's worker."""
        own = f"Worker.{self.options.site}"
        return own if self.options.implementation == "upstream" else f"fogflow-k8s.{own}"

    def look(self) -> EdgeSnapshot:
        """The edge as it is now. Raises http_json.ERRORS when the API server does not answer."""
        pods = self.kube.pods()
        held = registered = None
        listed: bool | None = None
        if answers := ngsi.answers(self.broker, "/version"):
            held = _asked(lambda: ngsi.read_broker(self.broker))
        brokers = _asked(lambda: self.discovery.call("GET", "/ngsi9/broker") or {})
        if brokers is not None:
            listed = f"Broker.{self.options.site}" in json.dumps(brokers)
            registered = _asked(lambda: frozenset(ngsi.registered(self.discovery)))
        tasks = _asked(self.kube.tasks)  # after the subscriptions: a task that has just come is among them
        after = self.kube.pods()
        if after.get(BROKER) != pods.get(BROKER):
            held = None  # of which process it is cannot be told
        return EdgeSnapshot(
            pods=after, answers=answers, listed=listed, registered=registered, held=held, consumers=self.consumers(),
            implementation=self.options.implementation, tasks=None if tasks is None else tuple(sorted(tasks)),
        )  # fmt: skip

    def consumers(self) -> int | None:
        """Consumers of the worker's queue; None when the cloud's bus cannot be asked."""
        host, _, port = self.options.bus.rpartition(":")
        try:
            password = self.options.password_file.read_text(encoding="utf-8").strip()
            with Session(host.strip("[]"), int(port), self.options.user, password, timeout_s=TIMEOUT_S) as session:
                return session.consumers(self.queue) or 0
        except OSError:
            return None

    def act(self, kind: str, target: Any) -> None:
        """Carry out one action. Raises http_json.ERRORS."""
        if kind == "restart":
            self.kube.delete_pod(target, None)
        elif kind == "restore":
            ngsi.restore_broker(self.broker, self.memory.saved, target)
        elif kind == "unsubscribe":
            ngsi.unsubscribe(self.broker, target)
        else:
            for key in target:
                entity = self.memory.saved[key]["entityId"]
                about = {"entities": [entity], "providingApplication": f"{self.options.address}/ngsi10"}
                self.discovery.call("POST", "/ngsi9/registerContext", {"contextRegistrations": [about]})

    def prove(self, its: Shared) -> dict[str, Any]:
        """The way to the cloud and back, step by step; connections of its own: the loop has the others.

        What is published at the cloud reaches a subscriber here only when the cloud's discovery, and then its broker, have
        called this edge's broker at the address that it gives them.
        """
        cloud, discovery, own = (
            Server(f"http://{self.options.cloud}"),
            Server(self.discovery.url),
            Server(self.broker.url),
        )
        steps = [
            step("the edge's broker", lambda: _heard(own, "/version")),
            step(LIVE, lambda: dead_references(its)),
            step("edge -> cloud: discovery", lambda: _heard(discovery, "/ngsi9/status")),
            step("edge -> cloud: broker", lambda: _heard(cloud, "/version")),
            step("edge -> cloud: message bus, as this edge's user", self._bus),
            step("cloud -> edge: published at the cloud, heard here", lambda: round_trip(cloud, own, its)),
        ]
        for server in (cloud, discovery, own):
            server.close()
        return {"v": 1, "ok": all(one["ok"] for one in steps), "steps": steps}

    def _bus(self) -> str:
        return "it does not answer, or refuses the login" if self.consumers() is None else ""

    def turn(self) -> float:
        """One round: observe, act, report; the seconds until the next. Raises http_json.ERRORS."""
        seen = self.look()
        for kind, target, why in decide(seen, self.memory, time.monotonic()):
            log(f"{kind} {str(target)[:_SAID]}: {why}")
            try:
                self.act(kind, target)
            except ERRORS as error:
                log(f"failed: {error}")
            else:
                self.memory.repairs = [*self.memory.repairs, {"what": kind, "why": why, "when": timestamp()}][
                    -REMEMBERED:
                ]
        document = report(seen, self.memory)
        self.shared.report = lambda: document
        self.shared.metrics = metrics(document, time.time())
        if document != self.said or time.monotonic() - self.reported_at >= REPORT_S:
            self.kube.write_report({**document, "updated": timestamp()})
            self.said, self.reported_at = document, time.monotonic()
        return CALM_S


def _heard(server: Server, path: str) -> str:
    server.call("GET", path)
    return ""


def _asked(call: Any) -> Any:
    try:
        return call()
    except ERRORS:
        return None


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line of the chart's template."""
    parser = argparse.ArgumentParser(prog="edge", description="Observes an edge of FogFlow and repairs it.")
    for name in ("release", "namespace", "tasks-namespace", "site", "bus", "user", "address", "cloud", "callback"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--password-file", type=Path, required=True)
    parser.add_argument("--implementation", default="upstream", help="which worker it is")
    parser.add_argument("--member", action="append", default=[], metavar="NAME=URL")
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    """Run until SIGTERM."""
    options = parse(argv)
    urls = dict(each.split("=", 1) for each in options.member)
    shared = Shared(Members(options.site, urls, workers=(WORKER,)), options.callback)
    stop = stop_event()
    serve(shared)
    kube = Kube(options.namespace, options.tasks_namespace, options.release)
    edge = Edge(options, kube, shared, Server(urls[BROKER]), Server(urls["discovery"], timeout_s=TIMEOUT_S))
    shared.verify = edge.prove
    run_rounds(edge.turn, shared, stop, CALM_S)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
