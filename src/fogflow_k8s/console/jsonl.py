"""Progress as JSON lines on stdout, one event each, for programs that follow a deploy: `-o jsonl`.

Every line has `v`, `ts` (UTC), `type` and `step`, the number of the stage it belongs to. Types: step, log, warning, progress,
component (state changed), cause (first seen), result (the document that `-o json` prints, or the error: the last line, and with
`status --watch` one line for each look).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from fogflow_k8s.console.documents import V, cause_document
from fogflow_k8s.model.diagnosis.catalogue import Cause
from fogflow_k8s.model.diagnosis.readiness import Verdict


class JsonLinesReporter:
    """A Reporter for a program that reads along."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._step = 0
        self._last: dict[str, Verdict] = {}
        self._causes: set[tuple[str, str]] = set()

    def step(self, text: str) -> None:
        """A new stage begins."""
        self._step += 1
        self._emit("step", text=text)

    def log(self, text: str) -> None:
        """A fact inside the stage."""
        self._emit("log", text=text)

    def warn(self, text: str) -> None:
        """Something to know."""
        self._emit("warning", text=text)

    def progress(self, text: str, done: int, total: int) -> None:
        """How far a countable stage is."""
        self._emit("progress", text=text, done=done, of=total)

    def verdicts(self, now: Mapping[str, Verdict], causes: Sequence[Cause] = ()) -> None:
        """A line for each component whose state changed, and for each new cause."""
        for name, verdict in now.items():
            if self._last.get(name) != verdict:
                self._last[name] = verdict
                counts = {"desired": verdict.desired, "ready": verdict.ready, "updated": verdict.updated}
                self._emit("component", component=name, state=verdict.state, reason=verdict.reason, **counts)
        for cause in causes:
            if (cause.id, cause.object) not in self._causes:
                self._causes.add((cause.id, cause.object))
                self._emit("cause", component=cause.component, cause=cause_document(cause))

    def result(self, document: Mapping[str, Any]) -> None:
        """The last line."""
        self._emit("result", result=document)

    def close(self) -> None:
        """Nothing to put back."""

    def _emit(self, kind: str, **facts: Any) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"v": V, "ts": now, "type": kind, "step": self._step, **facts}
        self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._stream.flush()
