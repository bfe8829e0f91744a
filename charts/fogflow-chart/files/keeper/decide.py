"""What to do about what was seen. Pure: no clock, no network; every rule of recovery is here, in restore.py and in wedged.py.

The rules, from runs of the real programs:

- Pods prove nothing. A member of the trio is deaf when the bus has been up, and its pod running, for some seconds, and
  nobody consumes from its queue; it never comes back by itself. While the bus is down, nobody is restarted.
- Master, worker and designer hang together: the master's plans and the worker's tasks are in memory, the designer replays
  its intents once, at its start, and a replay doubles every task that still runs. So whichever of them was lost, the way
  back is one: a master without plans, a worker without tasks, then the designer anew.
  Of several workers all are replaced: nobody can tell whose tasks the master still plans.
- Where tasks outlive their worker (Seen.keeps_tasks), only master and designer hang together: a replay doubles nothing. The
  worker is never restarted and its tasks are never removed from here, and its own loss needs nothing, unless something came
  while the master listed none: it has dropped that task for good, and the replay brings it.
- Discovery and broker lose everything with their process, and take it back through their own API.
"""

from __future__ import annotations

from backoff import may
from cell import DESIGNER, DISCOVERY, KEPT, MASTER, WORKER, Action, Memory, Mend, Pod, Snapshot
from demand import demand, due, not_taken_up, room_again, unfed
from leaks import too_many
from references import clean
from restore import restore, restored
from signs import (
    all_listed,
    all_run,
    bus_up,
    connection,
    consumes,
    hears_alone,
    identities,
    identity,
    lasted,
    of_master,
    orphaned,
    overlooked,
)
from wedged import left_behind, unwedge

DEAF_S = 4.0
"""Without a consumer, so long: longer than a program needs between its start and its queue."""
UNHEARD_S = 30.0
"""With a bus that nobody can ask: the master does not list the worker, who would have beaten twice by then."""
LATE_S = 10.0
"""So soon after a replay, a new master may have heard a part of it before anybody saw that it is new."""
HOPELESS_S = 20.0
"""Deaf for so long, it is not asked to end in peace any more."""
CALM_S = 20.0
"""So long without anything to do, and the next loss is a new one, not one that could not be mended."""
REPLAY_S, REPLAYS = 7.0, 3
"""For the master to subscribe to what it was replayed (the designer tries the bus every 5 s); and how often it is repeated."""
REMEMBERED = 20
"""Mends that are kept for the report."""
_OVER = ("stuck ", "replayed ")
"""Conditions of a mend that is over; all others end by themselves."""
_PATIENT = (*_OVER, "calm", "unreachable ", "again ", "full", "room", "unasked", "unfed", "leak", "untaken")
"""Conditions that nothing is about to be done about."""


def decide(seen: Snapshot, memory: Memory, now: float) -> tuple[list[Action], Memory]:
    """The actions of this look, and what to remember."""
    memory = memory.copy()
    for name in seen.shards:
        memory.snapshot.setdefault(name, {})
        memory.gone.setdefault(name, {})
    healing = [*unwedge(seen, memory, now), *restore(seen, memory, now), *_order(seen, memory, now)]
    wanted = [*healing, *clean(seen, memory, now), *demand(seen, memory, now)]
    waiting = any(not key.startswith(_PATIENT) for key in memory.since)
    if lasted(memory, "calm", not (wanted or waiting or memory.mend) and bus_up(seen), now) >= CALM_S:
        memory.tried.clear()  # what was done has helped
        memory.since = {key: value for key, value in memory.since.items() if not key.startswith(_OVER)}
    actions: list[Action] = []
    for action in wanted:
        if action.component not in {one.component for one in actions} and may(action, memory, now):
            actions.append(action)
    return actions, memory


# -- master, worker, designer --------------------------------------------------------------------------------------------


def _order(seen: Snapshot, memory: Memory, now: float) -> list[Action]:
    if not bus_up(seen):
        memory.connected.clear()  # it may have dropped everybody
    for name in seen.chain:
        pod = seen.pod(name)
        deaf = bus_up(seen) and seen.checks_consumers and pod is not None and pod.started and not consumes(seen, name)
        lasted(memory, f"deaf {name}", deaf, now)
        if consumes(seen, name) and pod is not None:
            memory.connected[name] = connection(seen, pod)
    if memory.mend is None:
        memory.mend = _begin(seen, memory, now)
    if memory.mend is None or not bus_up(seen):
        return []
    return _carry_on(seen, memory, memory.mend, now)


def _begin(seen: Snapshot, memory: Memory, now: float) -> Mend | None:
    """The mend that is needed, if one is. Also learns the first order of a new cell."""
    chain, ids = seen.chain, {name: found for name, found in identities(seen).items() if found}
    amiss = _amiss(seen, memory, ids, now)
    deaf = [name for name in chain if name in ids and now - memory.since.get(f"deaf {name}", now) >= DEAF_S]
    if deaf:
        return Mend(f"{', '.join(deaf)} {'is' if len(deaf) == 1 else 'are'} deaf on the bus", now, ids)
    silent = any(seen.beat(name) == "" for name in seen.workers)
    unheard = not seen.checks_consumers and memory.order and silent and all_run(seen)
    if lasted(memory, "unheard", unheard, now) >= UNHEARD_S:
        return Mend("the master hears nothing of the worker, and nobody can ask the bus", now, ids)
    if not bus_up(seen) or not all(n in ids and seen.settled(n) and consumes(seen, n) for n in chain):
        return None
    if not memory.order:
        if all_listed(seen) and seen.expected is not None:
            if seen.expected <= 0:  # none, or a designer that does not tell: nothing is known to be missing
                memory.order = ids
                return None
            return Mend("functions of an earlier time may not have been replayed", now, ids)
        return None
    if gone := memory.order.keys() - ids.keys():
        return Mend(f"{', '.join(sorted(gone))} taken away, and tasks with it", now, ids)
    new = KEPT if seen.keeps_tasks else ""  # one more worker lacks nothing, where those of before go on
    changed = [name for name in seen.trio if memory.order.setdefault(name, new) != ids[name]]
    if not changed:
        return amiss
    old = dict(ids)
    if changed == [MASTER] and now - memory.mended_at > LATE_S:
        del old[MASTER]  # it is new and has no plans
    return Mend(f"{', '.join(changed)} restarted, and plans or tasks with it", now, old)


def _amiss(seen: Snapshot, memory: Memory, ids: dict[str, str], now: float) -> Mend | None:
    """What is missing or too much, though nobody of the chain was lost."""
    orphans = 0 if seen.keeps_tasks else orphaned(seen, memory, now)
    came, roomy, alone = overlooked(seen, memory), room_again(seen, memory, now), unfed(seen, memory, now)
    if too_many(seen, memory, now):
        return Mend(f"RabbitMQ holds {seen.connections} connections that nobody closes", now, ids)
    if came:
        return Mend("what came while no worker was listed has no task", now, ids)
    if roomy:
        return Mend(f"{memory.dropped} tasks were dropped while all workers were full, and now there is room", now, ids)
    if not_taken_up(seen, memory, now):
        return Mend("not all that the designer has stored was taken up by the master", now, ids)
    if alone:
        return Mend(f"{alone} tasks were started while their broker was away, and are told nothing", now, ids)
    if orphans:  # of a task that was started twice its worker knows the last one only; nobody can tell which that is
        return Mend(f"{orphans} tasks run that no worker knows of", now, ids, thorough=True)
    return None


def _carry_on(seen: Snapshot, memory: Memory, mend: Mend, now: float) -> list[Action]:
    if mend.replaying:
        return _end(seen, memory, mend, now)
    _condemn(seen, memory, mend, now)
    hands = seen.hands
    actions = [action for name in hands for action in _replace(seen, memory, mend, name, now)]
    fresh = all(
        seen.settled(name) and consumes(seen, name) and identity(seen, name) != mend.old.get(name) for name in hands
    )
    if actions or not fresh or seen.tasks is None:
        return actions
    if seen.expected != 0 and identity(seen, DESIGNER) != mend.old.get(DESIGNER):
        return _own_replay(seen, memory, mend, now)
    if seen.tasks and not seen.keeps_tasks:  # of a worker that could not take them along
        return [Action("reap", WORKER, f"{len(seen.tasks)} tasks that no worker knows of", names=seen.tasks)]
    whole = restored(seen, memory) and all(seen.held(name) is not None for name in (DISCOVERY, *seen.shards))
    pod = seen.pod(DESIGNER)
    heard = not seen.keeps_tasks or all(hears_alone(seen, name) for name in seen.workers)
    if not (all_listed(seen) and heard and whole and pod) or left_behind(seen):
        return []
    memory.order = {name: identity(seen, name) for name in (MASTER, *seen.workers)}
    if seen.expected == 0 and consumes(seen, DESIGNER):
        memory.order[DESIGNER] = pod.identity
        _done(seen, memory, mend, now)
        return []
    return [_replay(seen, mend, pod)]


def _condemn(seen: Snapshot, memory: Memory, mend: Mend, now: float) -> None:
    """Those that came after the mend began, and must be replaced as well."""
    for name in seen.hands:  # a new one that never hears is no better than the old one
        if now - memory.since.get(f"deaf {name}", now) >= HOPELESS_S and (name == MASTER or consumes(seen, MASTER)):
            mend.old[name] = identity(seen, name)
        elif len(seen.workers) > 1 and name != MASTER and mend.old.get(name) == "":
            mend.old[name] = identity(
                seen, name
            )  # its place was empty; it may have heard a part of the replay that was lost


def _own_replay(seen: Snapshot, memory: Memory, mend: Mend, now: float) -> list[Action]:
    """The designer started anew meanwhile, not by us: what it replayed runs, is planned, or was lost. Again from the start."""
    if seen.settled(DESIGNER) and consumes(seen, DESIGNER):
        mend.old, mend.thorough = identities(seen), True
    elif now - memory.since.get(f"deaf {DESIGNER}", now) >= DEAF_S:
        mend.old[DESIGNER] = identity(seen, DESIGNER)  # nobody heard it
    return []


def _replay(seen: Snapshot, mend: Mend, pod: Pod) -> Action:
    mend.subscribed = of_master(seen)
    mend.replaying, mend.old[DESIGNER], mend.new, mend.replays = True, pod.identity, set(), mend.replays + 1
    return _to_replay(mend, pod)


def _to_replay(mend: Mend, pod: Pod) -> Action:
    why = "it replays its intents when it starts"
    return Action("replay", DESIGNER, why, pod.name, grace_s=1, names=(str(mend.replays),))


def _replace(seen: Snapshot, memory: Memory, mend: Mend, name: str, now: float) -> list[Action]:
    """Delete the pod of before; the worker's takes its tasks along when it is asked to end."""
    pod = seen.pod(name)
    if pod is None or pod.identity != mend.old.get(name):
        return []
    idle = not seen.tasks and seen.tasks is not None and seen.workload == 0 and consumes(seen, name)
    if name != MASTER and idle and not mend.thorough:
        del mend.old[name]  # it has no task, and hears: as good as new
        return []
    stuck = lasted(memory, f"stuck {pod.identity}", condition=True, now=now) > 60.0
    stuck |= now - memory.since.get(f"deaf {name}", now) >= HOPELESS_S
    # RabbitMQ is the same and has given it up: it does not answer, and would use all of its grace
    stuck |= f"deaf {name}" in memory.since and memory.connected.get(name) == connection(seen, pod) != ""
    return [Action("delete", name, mend.why, pod.name, grace_s=1 if stuck else None)]


def _disturbed(seen: Snapshot, memory: Memory, mend: Mend) -> bool:
    """Whether what was replayed came to those who hear it twice, or not at all, or only in part.

    What a master has for a worker that it does not list, it drops for good: a replay that finds it so is none.
    """
    if consumes(seen, DESIGNER):
        mend.new |= {p.identity for p in seen.pods[DESIGNER] if p.started and p.identity != mend.old.get(DESIGNER)}
    twice = len(mend.new) > 1
    lost = any(identity(seen, name) != memory.order.get(name) for name in (MASTER, *seen.workers))
    mute = any(seen.held(name) is None for name in (DISCOVERY, *seen.shards))  # what was told there meanwhile is lost
    dropped = seen.keeps_tasks and any(seen.beat(name) == "" for name in seen.workers)
    return twice or lost or mute or dropped or not restored(seen, memory)


def _end(seen: Snapshot, memory: Memory, mend: Mend, now: float) -> list[Action]:
    pod = seen.pod(DESIGNER)
    if pod is None:
        return []
    if _disturbed(seen, memory, mend):
        memory.mend = Mend("a member was lost during the replay", mend.began, identities(seen), thorough=True)
        return []
    if pod.identity == mend.old.get(DESIGNER):
        return [_to_replay(mend, pod)]
    if seen.settled(DESIGNER) and consumes(seen, DESIGNER):
        if seen.discovery is None or seen.expected is None:
            return []  # what was replayed cannot be counted yet
        heard = len(of_master(seen) - mend.subscribed)
        waited = lasted(memory, f"replayed {pod.identity}", condition=True, now=now)
        expected = due(seen, memory)
        if heard < expected and waited < REPLAY_S:
            return []
        if heard < expected and mend.replays < REPLAYS:  # the master drops an intent whose topology it cannot fetch
            if heard == 0 and (seen.keeps_tasks or not seen.tasks):
                return [_replay(seen, mend, pod)]
            why, ids = (
                "a part of the functions was not replayed",
                identities(seen),
            )  # a second one doubles what came through
            memory.mend = Mend(why, mend.began, ids, replays=mend.replays, thorough=True)
            return []
        memory.short = max(0, seen.expected - heard)
        memory.order[DESIGNER] = pod.identity
        memory.replaced |= mend.subscribed  # a replay replaces all plans
        _done(seen, memory, mend, now)
    elif now - memory.since.get(f"deaf {DESIGNER}", now) >= DEAF_S:
        mend.old[DESIGNER] = pod.identity
    return []


def _done(seen: Snapshot, memory: Memory, mend: Mend, now: float) -> None:
    memory.mend, memory.mended_at, memory.unheard = None, now, False  # the replay was for all that came
    those = "master and designer" if seen.keeps_tasks else "master, worker and designer"
    memory.mends = [*memory.mends, {"what": f"{those} in order again", "why": mend.why,
                                    "seconds": round(now - mend.began, 1)}][-REMEMBERED:]  # fmt: skip
