"""State that goes with a process: what discovery, brokers and designer hold is learned, and put back into a new one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cell import DESIGNER, DISCOVERY, Action, Memory, Seen
from signs import complete, lasted

EXIT_S = 4.0
"""Those that keep state end well within this, or are wedged and silent."""
RESTORE_TRIES = 5
GONE_S, SHRUNK_S = 6.0, 20.0
"""What is gone from a process is believed to be deleted after so long; where more than half is gone, after the longer time.
A kubelet tells of a restart a second late, and devices that publish fill a new process before that."""


def restored(seen: Seen, memory: Memory) -> bool:
    """Whether discovery and every broker hold what they held before their last restart."""
    return all(complete(seen, memory, name) for name in (DISCOVERY, *seen.shards))


def restore(seen: Seen, memory: Memory, now: float) -> list[Action]:
    """Learn what each holds; what a new process lacks is put back."""
    actions = []
    _keep_database(seen, memory, now)
    for name in (DISCOVERY, *seen.shards):
        pod, held = seen.pod(name), seen.held(name)
        if pod is None or held is None or not _speaks(seen, memory, name, now):
            continue
        snapshot = memory.snapshot[name]
        if memory.known.get(name) == pod.identity:
            memory.snapshot[name], memory.gone[name] = learned(snapshot, held, memory.gone[name], now)
            continue
        missing = snapshot.keys() - held.keys()
        if not missing or memory.tried.get(f"restore {name}", (0, 0.0))[0] >= RESTORE_TRIES:
            memory.known[name] = pod.identity
            memory.tried.pop(f"restore {name}", None)
        elif name == DISCOVERY or complete(seen, memory, DISCOVERY):  # the broker registers what it gets back there
            why = f"its process is new and lacks {len(missing)} of {len(snapshot)}"
            actions.append(Action("restore", name, why, names=tuple(sorted(missing))))
    return actions


def learned(
    snapshot: Mapping[str, Any], held: Mapping[str, Any], gone: Mapping[str, float], now: float
) -> tuple[dict[str, Any], dict[str, float]]:
    """What a process holds, with what it seems to have lost a moment ago; and since when it lacks that."""
    missing = snapshot.keys() - held.keys()
    patience = SHRUNK_S if len(missing) * 2 > len(snapshot) else GONE_S
    since = {key: gone.get(key, now) for key in missing}
    lately = {key: at for key, at in since.items() if now - at < patience}
    return {**{key: snapshot[key] for key in lately}, **held}, lately


def _speaks(seen: Seen, memory: Memory, name: str, now: float) -> bool:
    """Whether what was heard is of the new pod: the one of before answers, with its own state, until it has ended."""
    pod = seen.pod(name)
    ending = pod is not None and pod.started and not seen.settled(name)
    return seen.settled(name) or lasted(memory, f"overlap {name}", ending, now) >= EXIT_S


def _keep_database(seen: Seen, memory: Memory, now: float) -> None:
    """The designer's database goes with its pod, where it has no volume; its gate fetches it from us at the next start."""
    pod = seen.pod(DESIGNER)
    if pod is None or seen.designer is None or not _speaks(seen, memory, DESIGNER, now):
        return
    if seen.designer or memory.known.get(DESIGNER) == pod.identity or not memory.snapshot[DESIGNER]:
        memory.snapshot[DESIGNER] = dict(seen.designer)
        memory.known[DESIGNER] = pod.identity
