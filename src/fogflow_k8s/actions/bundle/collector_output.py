"""The output of one collector of a support archive: its files, masked, within a share of the archive and of the time.

A collector reads one kind of evidence (objects, logs, Helm's history) and puts it here. What it cannot read becomes a line
in the archive's index, so that one failure costs one part of the archive and not all of it.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.adapters.archive import Archive
from fogflow_k8s.engine.waiting import Clock
from fogflow_k8s.errors import FogflowError
from fogflow_k8s.model.redaction.bundle_index import Member, Part
from fogflow_k8s.model.redaction.redactor import Redactor


class Full(FogflowError):
    """The collector has used up its room or time. The archive keeps what it has written so far."""


@dataclass(frozen=True)
class Limits:
    """The share of one collector: bytes in the archive, seconds."""

    room: int
    seconds: float


class CollectorOutput:
    """The files and errors of one collector. `put` masks everything before it is written."""

    def __init__(self, name: str, archive: Archive, redactor: Redactor, limits: Limits, clock: Clock) -> None:
        self.name = name
        self._archive, self._redactor, self._limits, self._clock = archive, redactor, limits, clock
        self._start = self._ended = self._before = clock.now()
        self._members: list[Member] = []
        self._errors: list[str] = []
        self._used = 0
        self._closed = False
        self._lock = threading.Lock()
        self._done = threading.Event()

    @property
    def left(self) -> float:
        """The seconds left."""
        return self._start + self._limits.seconds - self._clock.now()

    def put(
        self, file: str, what: str | Mapping[str, Any] | Sequence[Mapping[str, Any]], *, truncated: str = ""
    ) -> None:
        """Add a text, an object or a list of objects. Raises Full when there is no room or time for more."""
        masked: Counter[str] = Counter()
        if isinstance(what, str):
            text = self._redactor.text(what, masked)
        elif isinstance(what, Mapping):
            text = _json(self._redactor.object(what, masked))
        else:
            done: list[dict[str, Any]] = []
            for obj in what:
                if self.left <= 0:
                    truncated = f"{len(done)} of {len(what)} objects: time was up"
                    break
                done.append(self._redactor.object(obj, masked))
            text = _json(done)
        self._add(file, text.encode(errors="replace"), masked, truncated)
        if self.left <= 0:
            raise Full(f"time was up after {self._limits.seconds:.0f} s")

    def note_gap(self, why: str) -> None:
        """Add a line to the index: something could not be collected."""
        with self._lock:
            if not self._closed:
                self._errors.append(self._redactor.text(why))

    def run(self, collect: Callable[[CollectorOutput], None]) -> None:
        """Collect; an error becomes a line of the index."""
        try:
            collect(self)
        except FogflowError as error:
            self.note_gap(error.message)
        except Exception as error:  # noqa: BLE001 - an archive with a gap is better than no archive
            self.note_gap(f"{type(error).__name__}: {error}")
        self._ended = self._clock.now()
        self._done.set()

    def close(self, patience_s: float) -> Part:
        """The collected part, once the collector is done or `patience_s` has passed; anything later is dropped."""
        self._done.wait(max(patience_s, 0))
        if not self._done.is_set():
            self.note_gap(f"no answer within {self._limits.seconds:.0f} s")
            self._ended = self._clock.now()
        with self._lock:
            self._closed = True
            return Part(self.name, self._ended - self._start, tuple(self._members), tuple(self._errors))

    def _add(self, file: str, data: bytes, masked: Counter[str], truncated: str) -> None:
        with self._lock:
            if self._closed:
                raise Full("time was up")
            if self._used >= self._limits.room:
                raise Full(f"{file} and later files: the collector's share of {self._limits.room} bytes is full")
            packed = self._archive.add(file, data)
            if not packed:
                raise Full(f"{file} and later files: the archive is full")
            self._used += packed
            now = self._clock.now()
            self._members.append(Member(file, self.name, len(data), now - self._before, dict(masked), truncated))
            self._before = now


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n"
