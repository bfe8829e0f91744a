"""Progress as JSON lines on stdout, one event each, for programs that follow a deploy: `-o jsonl`.

`console/schema/events.py` has their types. The last line is the result: the document that `-o json` prints, or the error; with
`status --watch` there is one such line for each observation.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from fogflow_k8s.console.parts import cause_document
from fogflow_k8s.console.schema import API
from fogflow_k8s.model.diagnosis.catalogue import Cause
from fogflow_k8s.model.diagnosis.readiness import Verdict

if TYPE_CHECKING:
    from fogflow_k8s.console.schema import events


class JsonLinesReporter:
    """A Reporter for programs."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._step = 0
        self._last: dict[str, Verdict] = {}
        self._causes: set[tuple[str, str]] = set()

    def step(self, text: str) -> None:
        """A new stage begins."""
        self._step += 1
        self._emit({**self._parts(), "type": "step", "text": text})

    def log(self, text: str) -> None:
        """A fact inside the stage."""
        self._emit({**self._parts(), "type": "log", "text": text})

    def warn(self, text: str) -> None:
        """A warning."""
        self._emit({**self._parts(), "type": "warning", "text": text})

    def progress(self, text: str, done: int, total: int) -> None:
        """How much of a countable stage is done."""
        self._emit({**self._parts(), "type": "progress", "text": text, "done": done, "total": total})

    def verdicts(self, now: Mapping[str, Verdict], causes: Sequence[Cause] = ()) -> None:
        """A line for each component whose state changed, and for each new cause."""
        for name, verdict in now.items():
            if self._last.get(name) != verdict:
                self._last[name] = verdict
                self._emit(
                    {
                        **self._parts(),
                        "type": "component",
                        "component": name,
                        "state": verdict.state,
                        "reason": verdict.reason or None,
                        "desiredReplicas": verdict.desired,
                        "readyReplicas": verdict.ready,
                        "updatedReplicas": verdict.updated,
                    }
                )
        for cause in causes:
            if (cause.id, cause.object) not in self._causes:
                self._causes.add((cause.id, cause.object))
                self._emit({**self._parts(), "type": "cause", "cause": cause_document(cause)})

    def result(self, document: events.Result) -> None:
        """The last line."""
        self._emit({**self._parts(), "type": "result", "document": document})

    def close(self) -> None:
        """Does nothing: a stream of lines has no display to restore."""

    def _parts(self) -> events.EventParts:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"apiVersion": API, "kind": "Event", "time": now, "step": self._step}

    def _emit(self, event: events.Event) -> None:
        self._stream.write(json.dumps(event, ensure_ascii=False) + "\n")
        self._stream.flush()
