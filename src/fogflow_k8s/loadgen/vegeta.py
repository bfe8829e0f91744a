"""Run vegeta for one step, and read its hits while they come.

`vegeta attack` sends each request at its planned time, whatever came back before. Its results are binary; `vegeta encode` turns
them into one line of JSON per hit.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from fractions import Fraction
from typing import IO, Any

from fogflow_k8s.model.bench.evaluation import Hit
from fogflow_k8s.model.bench.plan import Plan
from fogflow_k8s.model.bench.requests import load, target

PROGRAM = "vegeta"
_ENDING_S = 5.0


class GeneratorFailed(Exception):
    """The program vegeta is missing or ended with an error."""


def pace(rate: float) -> str:
    """The rate as vegeta takes it: whole requests per whole seconds."""
    exact = Fraction(rate).limit_denominator(10)
    return f"{exact.numerator}/{exact.denominator}s"


def attack(plan: Plan, rate: float, duration_s: float, program: str = PROGRAM, *, first: int = 0) -> Iterator[Hit]:
    """Send the load and yield every hit as it is answered. Raises GeneratorFailed.

    `first` is the number of the first update, so that a late notification of an earlier step is not taken for one of this step.
    """
    if shutil.which(program) is None:
        raise GeneratorFailed(f"the image has no program {program}; name one that has: --image IMAGE")
    argv = [program, "attack", "-format=json", "-lazy", f"-rate={pace(rate)}", f"-duration={round(duration_s * 1000)}ms",
            f"-timeout={plan.timeout_s:g}s", "-max-body=0", "-redirects=-1", "-keepalive=true"]  # fmt: skip
    with (
        _started(argv, stdin=subprocess.PIPE) as sender,
        _started([program, "encode", "--to=json"], stdin=sender.stdout) as reader,
    ):
        if not (sender.stdin and reader.stdout):  # only for the type checker: both are pipes
            return
        ready: list[float] = []
        count = round(rate * duration_s)
        threading.Thread(target=_feed, args=(sender.stdin, plan, first, count, ready), daemon=True).start()
        for line in reader.stdout:
            yield _hit(json.loads(line), ready)
        status = sender.wait(_ENDING_S)
    if status:
        raise GeneratorFailed(f"vegeta ended with status {status}")


@contextmanager
def _started(argv: list[str], stdin: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A program that does not outlive the block."""
    child = subprocess.Popen(argv, stdin=stdin, stdout=subprocess.PIPE)
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream:
                with suppress(OSError):
                    stream.close()


def _feed(stdin: IO[bytes], plan: Plan, first: int, count: int, ready: list[float]) -> None:
    """Write the targets, and note when; more than planned, since vegeta stops with an error when there is none left for a hit."""
    with suppress(OSError, ValueError):  # vegeta has ended
        for number in range(count + 10):
            line = target(load(plan, first + number))
            ready.append(time.time())
            stdin.write(line)
        stdin.close()


def _hit(line: dict[str, Any], ready: list[float]) -> Hit:
    sent, number = datetime.fromisoformat(str(line["timestamp"])).timestamp(), int(line["seq"])
    ready_s = ready[number] if number < len(ready) else 0.0
    return Hit(number, sent, int(line["latency"]) / 1e9, int(line["code"]), str(line.get("error") or ""), ready_s)
