"""The work queue: an id is processed once however often it is added, at the earliest time that was requested."""

import asyncio
import itertools

from fogflow_k8s.worker import work_queue
from fogflow_k8s.worker.work_queue import WorkQueue

HOUR_S = 3600


def processed(play, process=None):
    """The ids that were processed, in order, after `play` added them."""
    seen = []

    async def record(task_id):
        seen.append(task_id)
        if process:
            await process(task_id)

    async def run():
        it = WorkQueue(record, 2)
        running = asyncio.ensure_future(it.run())
        await play(it)
        for _ in range(5000):
            await asyncio.sleep(0.001)
            if not it.unfinished:
                break
        running.cancel()

    asyncio.run(run())
    return seen


def test_an_id_that_is_added_twice_is_processed_once():
    async def play(it):
        for name in "abab":
            it.add(name)

    assert processed(play) == ["a", "b"]


def test_an_id_that_waits_and_is_added_again_is_processed_once():
    async def play(it):
        it.add("a", 0.05)
        await asyncio.sleep(0.01)
        it.add("a", 0.05)

    assert processed(play) == ["a"]


def test_the_shorter_of_two_delays_counts():
    async def play(it):
        it.add("a", HOUR_S)
        it.add("a", 0.01)

    assert processed(play) == ["a"]


def test_the_longer_of_two_delays_has_no_effect():
    async def play(it):
        it.add("a", 0.02)
        it.add("a")
        await asyncio.sleep(0.05)

    assert processed(play) == ["a"]


def test_an_id_that_is_added_while_it_is_processed_is_processed_again():
    again = []

    async def play(it):
        again.append(it)
        it.add("a")

    async def process(task_id):
        if again:
            it = again.pop()
            it.add(task_id, HOUR_S)
            it.add(task_id, 0.01)

    assert processed(play, process) == ["a", "a"]


def test_an_id_whose_processing_fails_is_processed_again(monkeypatch):
    monkeypatch.setattr(work_queue, "FIRST_BACK_OFF_S", 0.001)
    failures = itertools.chain([True, True], itertools.repeat(False))

    async def play(it):
        it.add("a")

    async def process(_task_id):
        if next(failures):
            raise RuntimeError("not yet")

    assert processed(play, process) == ["a", "a", "a"]
