"""One run: prepare, one step or a search of steps, remove; and the lines of progress meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.loadgen import ngsi, vegeta
from fogflow_k8s.loadgen.receiver import Receiver, listening
from fogflow_k8s.model.bench import capacity
from fogflow_k8s.model.bench.evaluation import Hit, evaluate, failure, notifications, percentiles
from fogflow_k8s.model.bench.manifests import RECEIVER_PORT
from fogflow_k8s.model.bench.plan import Plan
from fogflow_k8s.model.bench.requests import SEQUENCE, preparation, update
from fogflow_k8s.model.bench.step import Step, to_json

Emit = Callable[[dict[str, Any]], None]
_PROGRESS_S = 1.0
_AGAIN_S = 1.0
_NOT_MEASURED = -1_000_000_000  # numbers below 0: the receiver leaves them out
_WARM_UP_S = 2.0
"""Seconds of load before the first step, which are not measured: connections open, and caches fill."""


@dataclass
class Tools:
    """What a run uses: the connections of its own requests, the receiver, and the program that sends the load."""

    connections: ngsi.Connections
    receiver: Receiver | None
    program: str
    emit: Emit
    next_number: int = 0
    """The number of the next step's first update: numbers are used once in a run."""


def run(
    plan: Plan, emit: Emit, *, address: str, port: int = RECEIVER_PORT, program: str = vegeta.PROGRAM
) -> list[dict[str, Any]]:
    """The steps of the run as JSON objects; what the run made is removed, also after an error. Raises RequestFailed, GeneratorFailed."""
    with ExitStack() as stack:
        connections = ngsi.Connections()
        stack.callback(connections.close)
        if removed := ngsi.remove_everything(connections, plan):
            emit({"log": f"removed {removed} objects of a run that was killed"})
        for warning in ngsi.others(connections, plan):
            emit({"warn": warning})
        receiver, port = stack.enter_context(listening(port)) if plan.subscribers else (None, 0)
        stack.callback(ngsi.remove_everything, connections, plan)
        emit({"log": f"preparing {plan.entities} entities"})
        ngsi.prepare(connections, preparation(plan))
        for number in range(plan.subscribers):
            ngsi.add_subscription(connections, plan, f"http://{_bracketed(address)}:{port}/{number}")
        if plan.has_tasks and receiver:
            _await_tasks(plan, connections, receiver, emit)
        tools = Tools(connections, receiver, program, emit)
        steps = _search(plan, tools) if plan.find_capacity else [_step(plan, tools, plan.rate, plan.duration_s)]
    return [to_json(each) for each in steps]


def _await_tasks(plan: Plan, connections: ngsi.Connections, receiver: Receiver, emit: Emit) -> None:
    """Update each entity until an output of its task has arrived. Raises RequestFailed after `tasks_s` seconds.

    The number of the update tells which entity an output is of: -2, -3, ..., since -1 is the number at the creation.
    """
    emit({"log": f"waiting for the first outputs of {plan.entities} tasks"})
    end = time.monotonic() + plan.tasks_s
    while missing := [number for number in range(plan.entities) if -2 - number not in receiver.prepared]:
        if time.monotonic() >= end:
            raise ngsi.RequestFailed(
                f"{len(missing)} of {plan.entities} tasks published no output that repeats the attribute {SEQUENCE} of its input "
                f"within {plan.tasks_s:g} s"
            )
        ngsi.prepare(connections, (update(plan, number, -2 - number) for number in missing))
        time.sleep(_AGAIN_S)


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _search(plan: Plan, tools: Tools) -> list[Step]:
    search, begin = capacity.Search(plan.rate, plan.max_rate), time.monotonic()
    steps: list[Step] = []
    step_s = capacity.STEP_S + (plan.drain_s if plan.subscribers else 0.0)
    while (rate := search.next_rate) and capacity.time_is_left(time.monotonic() - begin, step_s):
        step = _step(plan, tools, rate, capacity.STEP_S, warm=bool(steps))
        search.record(rate, holds=not step.violations(plan.limits))
        steps.append(step)
        time.sleep(capacity.PAUSE_S)
    return steps


def _step(plan: Plan, tools: Tools, rate: float, duration_s: float, *, warm: bool = False) -> Step:
    """One step; `warm`: after another one, so that FogFlow's caches are full already."""
    if not warm:
        for _ in vegeta.attack(plan, rate, min(_WARM_UP_S, duration_s), tools.program, first=_NOT_MEASURED):
            pass
    first, tools.next_number = tools.next_number, tools.next_number + 2 * round(rate * duration_s) + 100
    hits = _measured(plan, tools, rate, duration_s, first)
    figures = evaluate(hits, rate, duration_s)
    if tools.receiver is None:
        return Step(rate, duration_s, figures)
    _drain(tools.receiver, figures.answered * plan.subscribers, plan.drain_s)
    arrivals = [(subscriber, number - first, at_s) for subscriber, number, at_s in tools.receiver.take()]
    told = notifications(figures, rate, arrivals, subscribers=plan.subscribers, late_s=plan.late_s)
    return Step(rate, duration_s, figures, told)


def _measured(plan: Plan, tools: Tools, rate: float, duration_s: float, first: int) -> list[Hit]:
    hits: list[Hit] = []
    begin = shown = time.monotonic()
    failed = 0
    recent: list[float] = []
    for hit in vegeta.attack(plan, rate, duration_s, tools.program, first=first):
        hits.append(hit)
        failed += bool(failure(hit))
        recent.append(hit.latency_s)
        if (now := time.monotonic()) - shown >= _PROGRESS_S:
            so_far = percentiles(recent)
            tools.emit(
                {
                    "progress": {
                        "rate": rate, "sent": len(hits), "failed": failed, "p50": so_far["p50"], "p99": so_far["p99"],
                        "elapsed_s": round(now - begin, 1), "duration_s": duration_s,
                    }
                }
            )  # fmt: skip
            shown, recent = now, []
    return hits


def _drain(receiver: Receiver, expected: int, limit_s: float) -> None:
    """Wait for the last notifications: at most `limit_s` seconds, less when all have arrived."""
    end = time.monotonic() + limit_s
    while receiver.count < expected and time.monotonic() < end:
        time.sleep(0.05)
