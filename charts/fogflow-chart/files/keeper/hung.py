"""Processes that live and do not answer, and pods that a lost node leaves behind.

A process is hung when it runs and does not answer over HTTP. A worker has no HTTP endpoint: it is hung when its heartbeats at the
master stop, or when it was asked to end and removes no task. The keeper ends a hung process with a grace period of one second,
because it would not use a longer one. When a node is lost, Kubernetes keeps its pods until the node returns; the keeper force-deletes
those whose place another pod needs.
"""

from __future__ import annotations

from dataclasses import replace

from action import Action
from memory import Condition, Heartbeat, Memory, Timer
from snapshot import BROKER, DESIGNER, DISCOVERY, MASTER, ORDERED, RABBITMQ, Pod, Snapshot

HUNG_S = {RABBITMQ: 15.0, DISCOVERY: 8.0, BROKER: 8.0, MASTER: 8.0, DESIGNER: 8.0}
"""How long a member may be silent; less than the 60 s after which the kubelet's liveness probes restart it."""
HEARTBEAT_S = 18.0
"""How long a heartbeat may be missing; the worker sends one every 10 to 12 s."""
ENDING_S = 15.0
"""How long a worker that was asked to end may take for one task; a hung one would use all of its grace period."""
LOST_S, LOST_DESIGNER_S = 15.0, 5.0
"""How long a pod that is being deleted may stay without being ready. The designer's grace period is 5 s, the others' is longer."""


def remember(snapshot: Snapshot, memory: Memory, now: float) -> Memory:
    """The memory with the durations of all silences, each counted anew for a new process."""
    silent = (
        Timer(Condition.SILENT, name, pod.identity)
        for name in _watched(snapshot)
        if (pod := snapshot.pod(name)) and pod.started and snapshot.answers.get(name) is False
    )
    memory = memory.timed(now, silent, Condition.SILENT)
    memory = memory.timed(now, (Timer(Condition.LOST, pod.name) for _, pod in _left_behind(snapshot)), Condition.LOST)
    if snapshot.keeps_tasks:
        return memory
    memory = memory.timed(now, (timer for timer, _, _ in _ending(snapshot)), Condition.ENDING)
    heartbeats = {name: _heartbeat(snapshot, memory, name, now) for name in snapshot.workers}
    memory = memory if heartbeats == memory.heartbeats else replace(memory, heartbeats=heartbeats)
    missing = (
        Timer(Condition.NO_HEARTBEAT, name) for name in snapshot.workers if _is_missed(snapshot, memory, name, now)
    )
    return memory.timed(now, missing, Condition.NO_HEARTBEAT)


def end_hung(snapshot: Snapshot, memory: Memory, now: float) -> list[Action]:
    """Delete the pods of hung processes and of lost nodes."""
    actions = []
    for name, patience_s in _watched(snapshot).items():
        pod = snapshot.pod(name)
        lasted = memory.lasted(now, Condition.SILENT, name, pod.identity) if pod else -1.0
        if pod and lasted >= patience_s and (name not in ORDERED or snapshot.bus_up):
            why = f"it runs, and has not answered for {patience_s:.0f} s"
            actions.append(Action("delete", name, why, pod.name, grace_s=1))
    if not snapshot.keeps_tasks:  # the kubelet probes the native worker, and nothing waits for it
        actions += _end_workers(snapshot, memory, now)
    return [*actions, *_end_lost(snapshot, memory, now)]


def _watched(snapshot: Snapshot) -> dict[str, float]:
    """How long each member with an HTTP endpoint may be silent."""
    return {**HUNG_S, **dict.fromkeys(snapshot.shards, HUNG_S[BROKER])}


# -- workers -------------------------------------------------------------------------------------------------------------


def _end_workers(snapshot: Snapshot, memory: Memory, now: float) -> list[Action]:
    why = f"no heartbeat for {HEARTBEAT_S:.0f} s"
    hung = [
        Action("delete", name, why, pod.name, grace_s=1)
        for name in snapshot.workers
        if (pod := snapshot.pod(name)) and memory.lasted(now, Condition.NO_HEARTBEAT, name) >= 0
    ]
    # Not every kubelet shortens a grace period that has begun: another pod can follow now, the process ends when that is over
    why = f"it was asked to end, and has not ended any task for {ENDING_S:.0f} s"
    return hung + [
        Action("end", name, why, pod.name, grace_s=0)
        for timer, name, pod in _ending(snapshot)
        if memory.lasted(now, timer.condition, timer.subject, timer.detail) >= ENDING_S
    ]


def _ending(snapshot: Snapshot) -> list[tuple[Timer, str, Pod]]:
    """Workers that are being deleted and are still ready, so that their node is not lost. The time counts for each task anew."""
    if snapshot.tasks is None or not snapshot.bus_up:
        return []
    return [
        (Timer(Condition.ENDING, pod.name, str(len(snapshot.tasks))), name, pod)
        for name in snapshot.workers
        for pod in snapshot.pods.get(name, ())
        if pod.deleting and pod.ready
    ]


def _heartbeat(snapshot: Snapshot, memory: Memory, name: str, now: float) -> Heartbeat:
    pod, master, last = snapshot.pod(name), snapshot.pod(MASTER), snapshot.heartbeat(name) or ""
    processes = (master.identity if master else "", pod.identity if pod else "")
    before = memory.heartbeats.get(name, Heartbeat())
    if processes != before.processes:
        return Heartbeat(processes, last, now)
    if last != before.last:
        return Heartbeat(processes, last, now, before.changes + 1)
    return before


def _is_missed(snapshot: Snapshot, memory: Memory, name: str, now: float) -> bool:
    """Whether a worker's heartbeat is late, although both it and the master are connected to RabbitMQ.

    Some builds of the master never show a change in their list: with those only a worker that is not in the list counts.
    """
    pod, heartbeat = snapshot.pod(name), memory.heartbeats[name]
    connected = snapshot.bus_up and snapshot.consumes(MASTER) and snapshot.consumes(name)
    shows_changes = not snapshot.heartbeat(name) or heartbeat.changes > 1
    observed = connected and snapshot.answers.get(MASTER) is True and shows_changes
    return observed and pod is not None and pod.started and now - heartbeat.changed_at >= HEARTBEAT_S


# -- lost nodes ----------------------------------------------------------------------------------------------------------


def _left_behind(snapshot: Snapshot) -> list[tuple[str, Pod]]:
    """Pods of which another one needs the place: of StatefulSets, and the designer's, to which the master would still connect."""
    in_sets = [name for members in (snapshot.shards, snapshot.workers) if len(members) > 1 for name in members]
    return [(name, pod) for name in (DESIGNER, *in_sets) for pod in snapshot.left_behind(name)]


def _end_lost(snapshot: Snapshot, memory: Memory, now: float) -> list[Action]:
    return [
        Action("end", name, "its node is lost, and no other pod can take its place", pod.name, grace_s=0)
        for name, pod in _left_behind(snapshot)
        if memory.lasted(now, Condition.LOST, pod.name) >= (LOST_DESIGNER_S if name == DESIGNER else LOST_S)
    ]
