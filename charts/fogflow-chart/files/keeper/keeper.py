"""The keeper: looks at the cell every few seconds, mends what the real programs never mend themselves, and reports.

    python3 -u keeper.py --release NAME --namespace NS --tasks-namespace NS --site ID --callback URL --member NAME=URL ...

Standard library only: it runs in a stock Python image, mounted from a ConfigMap.
"""

from __future__ import annotations

import argparse
import copy
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import ngsi
from act import carry_out
from cell import DESIGNER, STATEFUL, WORKER, Memory, Snapshot, several
from decide import REMEMBERED, decide
from http_json import ERRORS
from kube import Kube
from observe import Members, look
from report import metrics, report
from restore import NEVER, unrestored
from rounds import go_round, say, stamp, told_to_end
from serve import Shared, serve

CALM_S, BUSY_S = 2.0, 0.5
REPORT_S, STORE_S = 10.0, 10.0


class Keeper:
    """The loop and what it carries along."""

    def __init__(self, members: Members, kube: Kube, shared: Shared) -> None:
        self.members, self.kube, self.shared = members, kube, shared
        self.memory = Memory()
        self.said: dict[str, Any] = {}
        self.reported_at = self.stored_at = float("-inf")
        self.stored: Any = None
        self.note = ""

    def remember(self) -> None:
        """Take over what the keeper before this one stored. Raises http_json.ERRORS."""
        before = self.kube.load()
        self.memory.order = dict(before.get("order") or {})
        self.memory.known = dict(before.get("known") or {})
        self.memory.replaced = frozenset(before.get("replaced") or ())
        self.memory.made = {name: frozenset(keys) for name, keys in (before.get("made") or {}).items()}
        self.memory.ran = frozenset(before.get("ran") or ())
        self.memory.short = int(before.get("short") or 0)
        self.memory.mends = list(before.get("mends") or [])
        stored = before.get("snapshot") or {}
        for name in (*STATEFUL, *self.members.shards):
            self.memory.snapshot[name] = dict(stored.get(name) or {})
            self.memory.gone[name] = dict.fromkeys((before.get("unrestored") or {}).get(name) or (), NEVER)
        self.stored = self.lasting()
        self.shared.database = self.memory.snapshot[DESIGNER]

    def lasting(self) -> dict[str, Any]:
        """What the next keeper needs."""
        memory = self.memory
        held = {name: ngsi.structure(each) for name, each in memory.snapshot.items()}
        lost = {name: sorted(unrestored(memory, name) & each.keys()) for name, each in held.items()}
        kept = {
            "order": memory.order,
            "known": memory.known,
            "replaced": sorted(memory.replaced),
            "made": {name: sorted(keys) for name, keys in memory.made.items()},
            "ran": sorted(memory.ran),
            "short": memory.short,
        }
        return copy.deepcopy({**kept, "unrestored": lost, "mends": memory.mends, "snapshot": held})

    def turn(self) -> float:
        """One look, its actions, and the report; seconds until the next. Raises http_json.ERRORS."""
        seen = look(self.members, self.kube, self.memory)
        mends = len(self.memory.mends)
        actions, self.memory = decide(seen, self.memory, time.monotonic())
        if len(self.memory.mends) != mends:
            self.memory.mends[-1].setdefault("when", stamp())
        for action in actions:
            say(f"{action.kind} {action.target or action.component}: {action.why}")
            if failed := carry_out(action, self.members, self.kube, self.memory):
                say(f"failed: {failed}")
            elif action.kind == "restore" or (action.kind != "tell" and not self.memory.mend):
                done = {"what": action.key, "why": action.why, "when": stamp()}
                self.memory.mends = [*self.memory.mends, done][-REMEMBERED:]
        self.store()
        calm = self.tell(seen) == "working" and not actions
        return CALM_S if calm else BUSY_S

    def store(self, *, final: bool = False) -> None:
        """Keep what must outlast us: order at once, the snapshot at most every ten seconds."""
        lasting, before, now = self.lasting(), self.stored or {}, time.monotonic()
        urgent = any(lasting[key] != before.get(key) for key in ("order", "known"))
        if lasting == before or not (urgent or final or now - self.stored_at >= STORE_S):
            return
        self.note = self.kube.store(lasting)
        self.stored, self.stored_at = lasting, now

    def tell(self, seen: Snapshot) -> str:
        """Report on every change, and every ten seconds; the state."""
        document = report(seen, self.memory, stored=self.note, checked_age_s=0.0)
        self.shared.state = lambda: document
        self.shared.database = self.memory.snapshot[DESIGNER]
        self.shared.metrics = metrics(document, time.time())
        now = time.monotonic()
        if document != self.said or now - self.reported_at >= REPORT_S:
            if document["state"] != self.said.get("state") or document["why"] != self.said.get("why"):
                say(f"{document['state']}{': ' if document['why'] else ''}{document['why']}")
            self.kube.write_report({**document, "updated": stamp()})
            self.said, self.reported_at = document, now
        return str(document["state"])


def run(keeper: Keeper, stop: threading.Event) -> None:
    """Look, act and report until told to stop."""

    def turn() -> float:
        if keeper.stored is None:
            keeper.remember()
        return keeper.turn()

    go_round(turn, keeper.shared, stop, CALM_S)
    try:
        keeper.store(final=True)
    except ERRORS as error:
        say(f"the last snapshot is not stored: {error}")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line of the chart's template."""
    parser = argparse.ArgumentParser(prog="keeper", description="Watches FogFlow's cell and mends it.")
    for name in ("release", "namespace", "tasks-namespace", "site", "callback"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--member", action="append", default=[], metavar="NAME=URL")
    parser.add_argument("--workers", type=int, default=1, help="how many there are")
    keeps = "tasks outlive their worker: it is never restarted, and a replay doubles none"
    parser.add_argument("--worker-keeps-tasks", action="store_true", help=keeps)
    parser.add_argument("--worker-queues", default="", metavar="NAMES", help="of each worker, separated by commas")
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    """Run until SIGTERM."""
    options = parse(argv)
    urls = dict(each.split("=", 1) for each in options.member)
    members = Members(
        options.site,
        urls,
        workers=several(WORKER, options.workers),
        keeps_tasks=options.worker_keeps_tasks,
        worker_queues=tuple(filter(None, options.worker_queues.split(","))),
    )
    shared = Shared(members, options.callback)
    stop = told_to_end()
    serve(shared)
    run(Keeper(members, Kube(options.namespace, options.tasks_namespace, options.release), shared), stop)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
