"""Those that live and do not answer end with a grace of one second; what a lost node left behind is forgotten. Pure."""

from __future__ import annotations

from cell import BROKER, DESIGNER, DISCOVERY, MASTER, RABBITMQ, TRIO, WORKER, Action, Memory, Pod, Seen
from signs import bus_up, consumes, lasted

WEDGED_S = {RABBITMQ: 15.0, DISCOVERY: 8.0, BROKER: 8.0, MASTER: 8.0, DESIGNER: 8.0}
"""Without an answer, so long; below the 60 s after which the kubelet's liveness probes give up."""
BEAT_S = 18.0
"""The worker beats every 10 to 12 s."""
ENDING_S = 15.0
"""A worker that was told to end has taken none of its tasks away for so long: it is wedged, and would use all its grace."""
LEFT_S = 5.0
"""The designer ends within 5 s of being told. A pod of it that is not ready and still there after so long is on a lost node."""


def unwedge(seen: Seen, memory: Memory, now: float) -> list[Action]:
    """Those to end now: their silence is counted for each process anew."""
    actions = []
    for name, patience in WEDGED_S.items():
        pod = seen.pod(name)
        silent = pod is not None and pod.started and seen.answers.get(name) is False
        key = f"silent {name} {pod.identity if pod else ''}"
        for old in [one for one in memory.since if one.startswith(f"silent {name} ") and one != key]:
            del memory.since[old]  # of a process that is gone
        long = lasted(memory, key, silent, now) >= patience
        if long and pod and (name not in TRIO or bus_up(seen)):
            why = f"it runs, and has not answered for {patience:.0f} s"
            actions.append(Action("delete", name, why, pod.name, grace_s=1))
    return [
        *actions,
        *_unwedge_worker(seen, memory, now),
        *_unwedge_ending(seen, memory, now),
        *_forget(seen, memory, now),
    ]


def left_behind(seen: Seen) -> list[Pod]:
    """The designer's pods that were told to end and have not. The master's way to the designer leads to those, too."""
    return [pod for pod in seen.pods.get(DESIGNER, ()) if pod.deleting and not pod.ready]


def _forget(seen: Seen, memory: Memory, now: float) -> list[Action]:
    """Kubernetes keeps the pod of a lost node until the node is back, and its address with it; its kubelet ends it then."""
    keys = {f"left {pod.name}": pod for pod in left_behind(seen)}
    for old in [one for one in memory.since if one.startswith("left ") and one not in keys]:
        del memory.since[old]
    return [
        Action("end", DESIGNER, "its node is lost, and the master would still look for it there", pod.name, grace_s=0)
        for key, pod in keys.items()
        if lasted(memory, key, condition=True, now=now) >= LEFT_S
    ]


def _unwedge_ending(seen: Seen, memory: Memory, now: float) -> list[Action]:
    """A wedged worker does not hear that it is to end. On a lost node it is not ready, and asking again would not help."""
    told = seen.tasks is not None and bus_up(seen)
    slow = [pod for pod in seen.pods.get(WORKER, ()) if told and pod.deleting and pod.ready]
    keys = {f"ending {pod.name} {len(seen.tasks or ())}": pod for pod in slow}
    for old in [one for one in memory.since if one.startswith("ending ") and one not in keys]:
        del memory.since[old]  # it has ended one more, or itself
    why = f"it has not ended any task for {ENDING_S:.0f} s"
    return [
        Action("end", WORKER, why, pod.name, grace_s=1)
        for key, pod in keys.items()
        if lasted(memory, key, condition=True, now=now) >= ENDING_S
    ]


def _unwedge_worker(seen: Seen, memory: Memory, now: float) -> list[Action]:
    """The worker listens on nothing; its heartbeat at the master is the only sign of life.

    A master that never shows a change in its list tells only whether the worker is in it.
    """
    pod, master = seen.pod(WORKER), seen.pod(MASTER)
    pair = f"{master.identity if master else ''} {pod.identity if pod else ''}"
    before, beat, _, changes = memory.beat
    if pair != before:
        memory.beat = (pair, seen.worker_beat or "", now, 0)
    elif (seen.worker_beat or "") != beat:
        memory.beat = (pair, seen.worker_beat or "", now, changes + 1)
    asked = bus_up(seen) and seen.answers.get(MASTER) is True and consumes(seen, MASTER) and consumes(seen, WORKER)
    tells = not seen.worker_beat or memory.beat[3] > 1
    quiet = asked and tells and pod is not None and pod.started and now - memory.beat[2] >= BEAT_S
    if lasted(memory, "quiet worker", quiet, now) >= 0 and pod:
        return [Action("delete", WORKER, f"no heartbeat for {BEAT_S:.0f} s", pod.name, grace_s=1)]
    return []
