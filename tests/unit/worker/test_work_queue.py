"""The worker's line: once however often it was asked for, and as early as anybody asked."""

import asyncio
import itertools

from fogflow_k8s.worker import work_queue
from fogflow_k8s.worker.work_queue import WorkQueue

HOUR_S = 3600


def looked(play, look=None):
    """What was looked at, in order, while `play` asked for it."""
    seen = []

    async def see(task_id):
        seen.append(task_id)
        if look:
            await look(task_id)

    async def run():
        it = WorkQueue(see, 2)
        running = asyncio.ensure_future(it.run())
        await play(it)
        for _ in range(5000):
            await asyncio.sleep(0.001)
            if not it.unfinished:
                break
        running.cancel()

    asyncio.run(run())
    return seen


def test_asked_twice_is_done_once():
    async def play(it):
        for name in "abab":
            it.add(name)

    assert looked(play) == ["a", "b"]


def test_what_is_held_is_one_with_what_comes_later():
    async def play(it):
        it.add("a", 0.05)
        await asyncio.sleep(0.01)
        it.add("a", 0.05)

    assert looked(play) == ["a"]


def test_what_is_due_sooner_does_not_wait_for_what_was_held_longer():
    async def play(it):
        it.add("a", HOUR_S)
        it.add("a", 0.01)

    assert looked(play) == ["a"]


def test_and_what_was_held_longer_comes_to_nothing_then():
    async def play(it):
        it.add("a", 0.02)
        it.add("a")
        await asyncio.sleep(0.05)

    assert looked(play) == ["a"]


def test_what_changes_while_it_is_looked_at_is_looked_at_again():
    again = []

    async def play(it):
        again.append(it)
        it.add("a")

    async def look(task_id):
        if again:
            it = again.pop()
            it.add(task_id, HOUR_S)
            it.add(task_id, 0.01)

    assert looked(play, look) == ["a", "a"]


def test_a_failure_is_tried_again(monkeypatch):
    monkeypatch.setattr(work_queue, "FIRST_BACK_OFF_S", 0.001)
    failures = itertools.chain([True, True], itertools.repeat(False))

    async def play(it):
        it.add("a")

    async def look(_task_id):
        if next(failures):
            raise RuntimeError("not yet")

    assert looked(play, look) == ["a", "a", "a"]
