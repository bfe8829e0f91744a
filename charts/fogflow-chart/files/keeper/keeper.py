"""The keeper's program: it observes FogFlow's control plane every few seconds, repairs it, and publishes a health report.

    python3 -u keeper.py --release NAME --namespace NS --tasks-namespace NS --site ID --callback URL --member NAME=URL ...

One round is: observe (observe.py), decide (decide.py), act (act.py), store what the next keeper needs (memory.py), report
(report.py). The rules are in the modules that decide.py lists; an HTTP server (serve.py) runs beside the loop.

Standard library only: it runs in a stock Python image, mounted from a ConfigMap.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from act import carry_out
from decide import decide
from http_json import ERRORS
from kube import Kube
from memory import Memory
from observe import Members, observe
from report import health_report, metrics
from rounds import log, run_rounds, stop_event, timestamp
from serve import Shared, serve
from snapshot import DESIGNER, WORKER, Snapshot, instances
from stored_memory import from_stored, to_stored

CALM_S, BUSY_S = 2.0, 0.5
"""Pause between two rounds, when there is nothing to do and otherwise."""
REPORT_S, STORE_S = 10.0, 10.0
"""How often an unchanged report is written again, and how often changed memory is stored at most."""


class Keeper:
    """The state of the loop."""

    def __init__(self, members: Members, kube: Kube, shared: Shared) -> None:
        self.members, self.kube, self.shared = members, kube, shared
        self.memory = Memory()
        self.reported: dict[str, Any] = {}
        self.reported_at = self.stored_at = float("-inf")
        self.stored: dict[str, Any] | None = None
        """What was stored last; None before the previous keeper's memory was loaded."""
        self.note = ""
        """Why the memory could not be stored."""

    def load(self) -> None:
        """Take over what the previous keeper stored. Raises http_json.ERRORS."""
        self.memory = from_stored(self.kube.load_memory(), self.members.shards)
        self.stored = to_stored(self.memory)
        self.shared.database = self.memory.saved[DESIGNER]

    def round(self) -> float:
        """Observe, act, store and report; seconds until the next round. Raises http_json.ERRORS."""
        snapshot = observe(self.members, self.kube, self.memory)
        before = self.memory.recoveries
        actions, self.memory = decide(snapshot, self.memory, time.monotonic())
        if self.memory.recoveries != before:
            last = self.memory.recoveries[-1]
            self.memory = self.memory.with_recovery({**last, "when": timestamp()}, instead=last)
        for action in actions:
            log(f"{action.kind} {action.target or action.component}: {action.why}")
            if failed := carry_out(action, self.members, self.kube, self.memory):
                log(f"failed: {failed}")
            elif action.kind == "restore" or (action.kind != "warn" and not self.memory.restart):
                done = {"what": str(action.key), "why": action.why, "when": timestamp()}
                self.memory = self.memory.with_recovery(done)
        self.store()
        calm = self.report(snapshot) == "working" and not actions
        return CALM_S if calm else BUSY_S

    def store(self, *, final: bool = False) -> None:
        """Store what the next keeper needs: identities at once, everything else at most every STORE_S. Raises http_json.ERRORS."""
        stored, before, now = to_stored(self.memory), self.stored or {}, time.monotonic()
        urgent = any(stored[key] != before.get(key) for key in ("order", "known"))
        if stored == before or not (urgent or final or now - self.stored_at >= STORE_S):
            return
        self.note = self.kube.store_memory(stored)
        self.stored, self.stored_at = stored, now

    def report(self, snapshot: Snapshot) -> str:
        """Publish the health report on every change, and every REPORT_S; the state in it. Raises http_json.ERRORS."""
        document = health_report(snapshot, self.memory, stored=self.note, checked_age_s=0.0)
        self.shared.report = lambda: document
        self.shared.database = self.memory.saved[DESIGNER]
        self.shared.metrics = metrics(document, time.time())
        now = time.monotonic()
        if document != self.reported or now - self.reported_at >= REPORT_S:
            if document["state"] != self.reported.get("state") or document["why"] != self.reported.get("why"):
                log(f"{document['state']}{': ' if document['why'] else ''}{document['why']}")
            self.kube.write_report({**document, "updated": timestamp()})
            self.reported, self.reported_at = document, now
        return str(document["state"])


def run(keeper: Keeper, stop: threading.Event) -> None:
    """Run rounds until `stop` is set, then store the memory once more."""

    def run_one() -> float:
        if keeper.stored is None:
            keeper.load()
        return keeper.round()

    run_rounds(run_one, keeper.shared, stop, CALM_S)
    try:
        keeper.store(final=True)
    except ERRORS as error:
        log(f"the memory could not be stored at the end: {error}")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line of the chart's template."""
    parser = argparse.ArgumentParser(prog="keeper", description="Observe and repair FogFlow's control plane.")
    for name in ("release", "namespace", "tasks-namespace", "site", "callback"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--member", action="append", default=[], metavar="NAME=URL")
    parser.add_argument("--workers", type=int, default=1, help="number of workers (default 1)")
    keeps = (
        "the worker is the native one: tasks outlive it, it is never restarted, and a replay does not double its tasks"
    )
    parser.add_argument("--worker-keeps-tasks", action="store_true", help=keeps)
    parser.add_argument(
        "--worker-queues", default="", metavar="NAMES", help="queue of each worker, separated by commas"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    """Run until SIGTERM."""
    options = parse(argv)
    urls = dict(each.split("=", 1) for each in options.member)
    members = Members(
        options.site,
        urls,
        workers=instances(WORKER, options.workers),
        keeps_tasks=options.worker_keeps_tasks,
        worker_queues=tuple(filter(None, options.worker_queues.split(","))),
    )
    shared = Shared(members, options.callback)
    stop = stop_event()
    serve(shared)
    run(Keeper(members, Kube(options.namespace, options.tasks_namespace, options.release), shared), stop)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
