"""What the keeper tells: one report for the ConfigMap, for /metrics and for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cell import BROKER, DESIGNER, DISCOVERY, MASTER, MEMBERS, NGINX, RABBITMQ, WORKER, Memory, Snapshot
from demand import too_full
from leaks import leak
from restore import unrestored
from signs import bus_up, complete, consumes

_NAMED, _LISTED = 3, 50
"""So many addresses in one sentence, and of one broker in the report."""
_STATES = ("working", "starting", "mending", "degraded")


def report(seen: Snapshot, memory: Memory, *, stored: str, checked_age_s: float) -> dict[str, Any]:
    """The cell's state in one document (version 1); no secret is in it. `updated` is added by whoever sends it."""
    of = {BROKER: seen.shards, WORKER: seen.workers}
    components = {name: _component(seen, memory, name) for one in MEMBERS for name in of.get(one, (one,))}
    wrong = [name for name, each in components.items() if each["state"] not in {"ok", "unchecked"}]
    if memory.mend:
        state, why = "mending", memory.mend.why
    elif not wrong:
        state, why = "working", "; ".join(_reservations(seen, memory))
    elif not memory.order:
        state, why = "starting", f"not yet: {', '.join(wrong)}"
    else:
        state, why = "degraded", f"not well: {', '.join(wrong)}"
    held = memory.snapshot
    return {
        "v": 1,
        "state": state,
        "why": why,
        "components": components,
        "mends": memory.mends[-10:],
        "snapshot": {
            "age_s": round(checked_age_s, 1),
            "registrations": sum(key.startswith("r:") for key in held[DISCOVERY]),
            "subscriptions": sum(key.startswith("s:") for one in held.values() for key in one),
            "entities": sum(key.startswith("e:") for name in seen.shards for key in held.get(name, ())),
            "unrestored": sum(len(unrestored(memory, name)) for name in (DISCOVERY, *seen.shards)),
            "stored": not stored,
            "note": stored,
        },
        "references": references(memory),
    }


def _reservations(seen: Snapshot, memory: Memory) -> list[str]:
    """What a cell that works should be known for."""
    said = [] if seen.checks_consumers else ["consumers are not checked: RabbitMQ shows no metrics"]
    said += [sentence for sentence in (too_full(memory), leak(seen)) if sentence]
    return [*said, *loose_ends(memory, (DISCOVERY, *seen.shards))]


def loose_ends(memory: Memory, names: Iterable[str]) -> list[str]:
    """Of those that keep state, a cell's or an edge's: what leads nowhere and stays, and what was not restored."""
    said = [
        f"{broker} has not reached the subscriber {address} for minutes, and its retries delay all others"
        for address, broker in sorted(memory.unreachable.items())[:_NAMED]
    ]
    said += [
        f"{broker} keeps subscriptions of a task that is gone, {address}, though it was told to end them"
        for address, broker in sorted(memory.unended.items())[:_NAMED]
    ]
    left = {name: sorted(unrestored(memory, name)) for name in names}
    said += [
        f"{name} does not take back {len(keys)} of what it lost, such as {keys[0][:100]}"
        for name, keys in left.items()
        if keys
    ]
    return said


def references(memory: Memory) -> dict[str, dict[str, list[str]]]:
    """For `doctor` and `verify`: by broker, addresses of tasks that are gone and of subscribers that are away."""
    return {"dead": _by_broker(memory.unended), "unreachable": _by_broker(memory.unreachable)}


def _by_broker(addresses: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for address, broker in sorted(addresses.items()):
        found.setdefault(broker, []).append(address)
    return {broker: each[:_LISTED] for broker, each in found.items()}


def _component(seen: Snapshot, memory: Memory, name: str) -> dict[str, Any]:
    signals: dict[str, Any] = {}
    if name in seen.answers:
        signals["answers"] = seen.answers[name]
    if name in seen.trio and seen.consumers is not None:
        signals["consumers"] = seen.consumers.get(name, 0)
    state, why = _state(seen, memory, name)
    if name in seen.workers:
        signals["listed"] = bool(seen.beat(name))
    if name == WORKER:
        signals["tasks"] = seen.workload
    if name in seen.shards:
        signals["registered"] = (seen.brokers or 0) >= len(seen.shards)
    return {"state": state, "why": why, "signals": signals}


def _state(seen: Snapshot, memory: Memory, name: str) -> tuple[str, str]:
    if name == RABBITMQ and not seen.checks_consumers:
        return "unchecked", "a RabbitMQ of your own, without metricsUrl"
    if name in seen.answers and not seen.answers[name]:
        return "down", "it does not answer"
    if name != NGINX and not seen.pods.get(name) and (name != RABBITMQ or seen.checks_consumers):
        return "absent", "it has no pod"
    if name in seen.trio and not bus_up(seen):
        return "unchecked", "the bus does not answer"
    if name in seen.trio and not consumes(seen, name):
        return "deaf", "nobody consumes from its queue"
    if name in seen.workers and not seen.beat(name) and seen.answers.get(MASTER):
        return "unseen", "the master does not list it"
    if name in seen.shards and seen.brokers is not None and seen.brokers < len(seen.shards):
        return "unregistered", _unlisted(seen)
    if name in {DISCOVERY, *seen.shards} and not complete(seen, memory, name):
        return "restoring", "its state is not complete yet"
    if name == DESIGNER and memory.mend and not memory.mend.replaying:
        return "waiting", "it will replay its functions"
    return "ok", ""


def _unlisted(seen: Snapshot) -> str:
    """Which of several is not in the list is not told by their number."""
    return "discovery does not list it" if len(seen.shards) == 1 else f"discovery lists {seen.brokers} brokers only"


def metrics(document: Mapping[str, Any], updated: float) -> str:
    """The report as Prometheus text."""
    lines = ["# HELP fogflow_cell_state 1 for the state that the cell is in.", "# TYPE fogflow_cell_state gauge"]
    lines += [f'fogflow_cell_state{{state="{state}"}} {int(document["state"] == state)}' for state in _STATES]
    lines += ["# HELP fogflow_component_ok 1 when the component does its work.", "# TYPE fogflow_component_ok gauge"]
    lines += [
        f'fogflow_component_ok{{component="{name}"}} {int(each["state"] == "ok")}'
        for name, each in document["components"].items()
    ]
    lines += ["# HELP fogflow_held Things whose loss would be put back.", "# TYPE fogflow_held gauge"]
    lines += [
        f'fogflow_held{{what="{what}"}} {document["snapshot"][what]}'
        for what in ("registrations", "subscriptions", "entities")
    ]
    lines += ["# TYPE fogflow_report_timestamp_seconds gauge", f"fogflow_report_timestamp_seconds {updated:.0f}"]
    return "\n".join(lines) + "\n"
