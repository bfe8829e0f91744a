"""The health report: one document about the control plane, for a ConfigMap and for /metrics.

`status`, `verify` and `doctor` read it (fogflow_k8s.model.diagnosis.health_report), so its keys and the states in it are an interface.
It is made of the snapshot and the memory of one round.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import leaks
from demand import full_warning
from memory import Memory
from snapshot import BROKER, COMPONENTS, DESIGNER, DISCOVERY, MASTER, NGINX, RABBITMQ, WORKER, Snapshot

_NAMED, _LISTED = 3, 50
"""Number of addresses in one sentence, and of one broker in the report."""
_STATES = ("working", "starting", "repairing", "degraded")


def health_report(snapshot: Snapshot, memory: Memory, *, stored: str, checked_age_s: float) -> dict[str, Any]:
    """The document (version 1), without its time; it contains no secret.

    `stored` says why the memory could not be stored; empty when it could. `checked_age_s` is the snapshot's age in seconds.
    """
    of = {BROKER: snapshot.shards, WORKER: snapshot.workers}
    components = {name: _component(snapshot, memory, name) for one in COMPONENTS for name in of.get(one, (one,))}
    wrong = [name for name, each in components.items() if each["state"] not in {"ok", "unchecked"}]
    if memory.restart:
        state, why = "repairing", memory.restart.why
    elif not wrong and snapshot.doubled:
        state, why = "degraded", f"{len(snapshot.doubled)} tasks run more than once, such as {snapshot.doubled[0]}"
    elif not wrong:
        state, why = "working", "; ".join(warnings(snapshot, memory))
    elif not memory.order:
        state, why = "starting", f"not yet: {', '.join(wrong)}"
    else:
        state, why = "degraded", f"not working: {', '.join(wrong)}"
    held = memory.saved
    return {
        "v": 1,
        "state": state,
        "why": why,
        "components": components,
        "repairs": list(memory.recoveries[-10:]),
        "snapshot": {
            "age_s": round(checked_age_s, 1),
            "registrations": sum(key.startswith("r:") for key in held[DISCOVERY]),
            "subscriptions": sum(key.startswith("s:") for one in held.values() for key in one),
            "entities": sum(key.startswith("e:") for name in snapshot.shards for key in held.get(name, ())),
            "unrestored": sum(len(memory.unrestored(name)) for name in snapshot.stateful),
            "stored": not stored,
            "note": stored,
        },
        "references": references(memory),
    }


def warnings(snapshot: Snapshot, memory: Memory) -> list[str]:
    """Sentences about a control plane that works: what users should know nevertheless."""
    found = [] if snapshot.checks_consumers else ["consumers are not checked: RabbitMQ shows no metrics"]
    found += [sentence for sentence in (full_warning(memory), leaks.warning(snapshot)) if sentence]
    return [*found, *state_warnings(memory, snapshot.stateful)]


def state_warnings(memory: Memory, names: Iterable[str]) -> list[str]:
    """As `warnings`, about stateful members (also an edge's): subscriptions that lead nowhere, and what was not restored."""
    found = [
        f"{broker} has not reached the subscriber {address} for minutes, and its retries delay all others"
        for address, broker in sorted(memory.unreachable.items())[:_NAMED]
    ]
    found += [
        f"{broker} keeps subscriptions of a deleted task, {address}, although it was asked to end them"
        for address, broker in sorted(memory.not_removed.items())[:_NAMED]
    ]
    left = {name: sorted(memory.unrestored(name)) for name in names}
    found += [
        f"{name} does not accept {len(keys)} of the items that it lost, such as {keys[0][:100]}"
        for name, keys in left.items()
        if keys
    ]
    return found


def references(memory: Memory) -> dict[str, dict[str, list[str]]]:
    """For `doctor` and `verify`: by broker, addresses of deleted tasks and of subscribers that cannot be reached."""
    return {"dead": _by_broker(memory.not_removed), "unreachable": _by_broker(memory.unreachable)}


def _by_broker(addresses: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for address, broker in sorted(addresses.items()):
        found.setdefault(broker, []).append(address)
    return {broker: each[:_LISTED] for broker, each in found.items()}


def _component(snapshot: Snapshot, memory: Memory, name: str) -> dict[str, Any]:
    signals: dict[str, Any] = {}
    if name in snapshot.answers:
        signals["answers"] = snapshot.answers[name]
    if name in snapshot.ordered and snapshot.consumers is not None:
        signals["consumers"] = snapshot.consumers.get(name, 0)
    state, why = _state(snapshot, memory, name)
    if name in snapshot.workers:
        signals["listed"] = bool(snapshot.heartbeat(name))
    if name == WORKER:
        signals["tasks"] = snapshot.workload
    if name in snapshot.shards:
        signals["registered"] = (snapshot.brokers or 0) >= len(snapshot.shards)
    return {"state": state, "why": why, "signals": signals}


def _state(snapshot: Snapshot, memory: Memory, name: str) -> tuple[str, str]:
    if name == RABBITMQ and not snapshot.checks_consumers:
        return "unchecked", "a RabbitMQ of your own, without metricsUrl"
    if name in snapshot.answers and not snapshot.answers[name]:
        return "down", "it does not answer"
    if name != NGINX and not snapshot.pods.get(name) and (name != RABBITMQ or snapshot.checks_consumers):
        return "absent", "it has no pod"
    if name in snapshot.ordered and not snapshot.bus_up:
        return "unchecked", "RabbitMQ does not answer"
    if name in snapshot.ordered and not snapshot.consumes(name):
        return "disconnected", "its queue has no consumer"
    if name in snapshot.workers and not snapshot.heartbeat(name) and snapshot.answers.get(MASTER):
        return "unseen", "the master does not list it"
    if name in snapshot.shards and snapshot.brokers is not None and snapshot.brokers < len(snapshot.shards):
        return "unregistered", _unlisted(snapshot)
    if name in snapshot.stateful and not memory.is_complete(snapshot, name):
        return "restoring", "its state is not complete yet"
    if name == DESIGNER and memory.restart and not memory.restart.replaying:
        return "waiting", "it will replay its functions"
    return "ok", ""


def _unlisted(snapshot: Snapshot) -> str:
    """Discovery shows the number of brokers only, not which one it does not list."""
    return (
        "discovery does not list it"
        if len(snapshot.shards) == 1
        else f"discovery lists {snapshot.brokers} of {len(snapshot.shards)} brokers"
    )


def metrics(document: Mapping[str, Any], updated: float) -> str:
    """The report as Prometheus text."""
    lines = [
        "# HELP fogflow_control_plane_state 1 for the state that the control plane is in.",
        "# TYPE fogflow_control_plane_state gauge",
    ]
    lines += [f'fogflow_control_plane_state{{state="{state}"}} {int(document["state"] == state)}' for state in _STATES]
    lines += ["# HELP fogflow_component_ok 1 when the component works.", "# TYPE fogflow_component_ok gauge"]
    lines += [
        f'fogflow_component_ok{{component="{name}"}} {int(each["state"] == "ok")}'
        for name, each in document["components"].items()
    ]
    lines += ["# HELP fogflow_held Items that the keeper would restore.", "# TYPE fogflow_held gauge"]
    lines += [
        f'fogflow_held{{what="{what}"}} {document["snapshot"][what]}'
        for what in ("registrations", "subscriptions", "entities")
    ]
    lines += ["# TYPE fogflow_report_timestamp_seconds gauge", f"fogflow_report_timestamp_seconds {updated:.0f}"]
    return "\n".join(lines) + "\n"
