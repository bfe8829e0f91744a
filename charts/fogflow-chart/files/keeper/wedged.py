"""Those that live and do not answer end with a grace of one second; what a lost node left behind is forgotten. Pure."""

from __future__ import annotations

from cell import BROKER, DESIGNER, DISCOVERY, MASTER, RABBITMQ, TRIO, Action, Memory, Pod, Snapshot
from signs import bus_up, consumes, lasted

WEDGED_S = {RABBITMQ: 15.0, DISCOVERY: 8.0, BROKER: 8.0, MASTER: 8.0, DESIGNER: 8.0}
"""Without an answer, so long; below the 60 s after which the kubelet's liveness probes give up."""
BEAT_S = 18.0
"""The worker beats every 10 to 12 s."""
ENDING_S = 15.0
"""A worker that was told to end has taken none of its tasks away for so long: it is wedged, and would use all its grace."""
LOST_S, LOST_DESIGNER_S = 15.0, 5.0
"""Told to end and not ready for so long: its node is lost. The designer has a grace of 5 s, the others of more."""


def unwedge(seen: Snapshot, memory: Memory, now: float) -> list[Action]:
    """Those to end now: their silence is counted for each process anew."""
    actions = []
    for name, patience in {**WEDGED_S, **dict.fromkeys(seen.shards, WEDGED_S[BROKER])}.items():
        pod = seen.pod(name)
        silent = pod is not None and pod.started and seen.answers.get(name) is False
        key = f"silent {name} {pod.identity if pod else ''}"
        for old in [one for one in memory.since if one.startswith(f"silent {name} ") and one != key]:
            del memory.since[old]  # of a process that is gone
        long = lasted(memory, key, silent, now) >= patience
        if long and pod and (name not in TRIO or bus_up(seen)):
            why = f"it runs, and has not answered for {patience:.0f} s"
            actions.append(Action("delete", name, why, pod.name, grace_s=1))
    if not seen.keeps_tasks:  # else nothing waits for it: its kubelet asks it whether it lives
        for name in seen.workers:
            actions += _unwedge_worker(seen, memory, name, now)
        actions += _unwedge_ending(seen, memory, now)
    return [*actions, *_forget(seen, memory, now)]


def left_behind(seen: Snapshot, name: str = DESIGNER) -> list[Pod]:
    """The pods of a member that were told to end and have not."""
    return [pod for pod in seen.pods.get(name, ()) if pod.deleting and not pod.ready]


def _forget(seen: Snapshot, memory: Memory, now: float) -> list[Action]:
    """Kubernetes keeps the pod of a lost node until the node is back; its kubelet ends it then, known or forgotten.

    A set replaces such a pod only when it is forgotten. And the master's way to the designer leads to those, too.
    """
    several = [name for members in (seen.shards, seen.workers) if len(members) > 1 for name in members]
    lost = {f"lost {pod.name}": (name, pod) for name in (DESIGNER, *several) for pod in left_behind(seen, name)}
    for old in [one for one in memory.since if one.startswith("lost ") and one not in lost]:
        del memory.since[old]
    return [
        Action("end", name, "its node is lost, and its place is taken until it is forgotten", pod.name, grace_s=0)
        for key, (name, pod) in lost.items()
        if lasted(memory, key, condition=True, now=now) >= (LOST_DESIGNER_S if name == DESIGNER else LOST_S)
    ]


def _unwedge_ending(seen: Snapshot, memory: Memory, now: float) -> list[Action]:
    """A wedged worker does not hear that it is to end. On a lost node it is not ready, and asking again would not help."""
    told = seen.tasks is not None and bus_up(seen)
    slow = [(name, pod) for name in seen.workers for pod in seen.pods.get(name, ()) if pod.deleting and pod.ready]
    keys = {f"ending {pod.name} {len(seen.tasks or ())}": (name, pod) for name, pod in slow if told}
    for old in [one for one in memory.since if one.startswith("ending ") and one not in keys]:
        del memory.since[old]  # it has ended one more, or itself
    why = f"it was told to end, and has not ended any task for {ENDING_S:.0f} s"
    return [  # not every kubelet shortens a grace that has begun: its place is given free, and its process ends when that is over
        Action("end", name, why, pod.name, grace_s=0)
        for key, (name, pod) in keys.items()
        if lasted(memory, key, condition=True, now=now) >= ENDING_S
    ]


def _unwedge_worker(seen: Snapshot, memory: Memory, name: str, now: float) -> list[Action]:
    """A worker listens on nothing; its heartbeat at the master is the only sign of life.

    A master that never shows a change in its list tells only whether the worker is in it.
    """
    pod, master, seen_beat = seen.pod(name), seen.pod(MASTER), seen.beat(name)
    pair = f"{master.identity if master else ''} {pod.identity if pod else ''}"
    before, beat, since, changes = memory.beat.get(name, ("", "", 0.0, 0))
    if pair != before:
        since, changes = now, 0
    elif (seen_beat or "") != beat:
        since, changes = now, changes + 1
    memory.beat[name] = (pair, seen_beat or "", since, changes)
    asked = bus_up(seen) and seen.answers.get(MASTER) is True and consumes(seen, MASTER) and consumes(seen, name)
    tells = not seen_beat or changes > 1
    quiet = asked and tells and pod is not None and pod.started and now - since >= BEAT_S
    if lasted(memory, f"quiet {name}", quiet, now) >= 0 and pod:
        return [Action("delete", name, f"no heartbeat for {BEAT_S:.0f} s", pod.name, grace_s=1)]
    return []
