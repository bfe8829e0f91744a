"""A broker's subscription at discovery ends with the broker's own, also when discovery did not hear of that; no other one does."""

import pytest
from snapshot import BROKER, DISCOVERY

from tests.unit.keeper.test_restore import Story

BUDGET_S = 5


def asked(*ids, reference="http://app.example:1", **more):
    """A subscription to entities with these ids, at a broker or at discovery."""
    return {"entities": [{"id": each, "type": "T", "isPattern": False} for each in ids], "reference": reference, **more}


def at_discovery(*ids, of=BROKER):
    return asked(*ids, reference=f"http://{of}.fogflow.svc.cluster.local:8070/ngsi10/notifyContextAvailability")


@pytest.fixture
def story():
    """Two tasks with a subscription each; that of the broker at discovery has another id and the same entities."""
    it = Story()
    it.broker |= {"s:task-1": asked("A", reference="http://fogflow-task-1.x:1"), "s:task-2": asked("B")}
    it.discovery |= {
        "s:1": at_discovery("A"),
        "s:2": at_discovery("B"),
        "s:app": asked("A"),
        "s:m": at_discovery("A", of="master"),
    }
    for _ in range(4):
        assert it.observe() == {}
    return it


def ended(story, rounds=4):
    """Ids of what is ended at discovery in the next rounds, which then is no longer there."""
    found = []
    for _ in range(rounds):
        ids = story.observe().get(("unsubscribe", DISCOVERY), ())
        found += ids
        story.discovery = {key: one for key, one in story.discovery.items() if key[2:] not in ids}
    return found


def test_one_whose_owner_has_ended_is_ended_and_the_others_stay(story):
    del story.broker["s:task-1"]
    assert ended(story) == ["1"]
    assert story.discovery.keys() >= {"s:2", "s:app", "s:m"}


def test_one_that_discovery_lost_meanwhile_is_not_restored(story):
    """The soak's case: discovery hangs, the tasks are replaced, and their unsubscriptions are lost."""
    held, story.discovery = story.discovery, None
    story.observe()
    del story.broker["s:task-1"]
    story.broker["s:task-3"] = asked("A", reference="http://fogflow-task-3.x:1")  # the new task has the same input
    story.observe()
    story.observe()
    story.lose(DISCOVERY)
    story.discovery = {"s:3": at_discovery("A")}
    restored = story.observe()["restore", DISCOVERY]
    assert "s:1" not in restored
    assert "s:2" in restored
    story.discovery |= {key: held[key] for key in restored}
    assert ended(story) == []
    assert {"s:2", "s:3"} <= story.discovery.keys()


def test_one_that_is_restored_before_its_owner_ends_is_ended_then(story):
    held = dict(story.discovery)
    story.lose(DISCOVERY)
    story.discovery |= {key: held[key] for key in story.observe()["restore", DISCOVERY]}
    story.observe()
    del story.broker["s:task-1"]
    story.broker["s:task-3"] = asked("A")
    story.discovery["s:3"] = at_discovery("A")
    assert ended(story) == ["1"]


def test_it_stays_while_any_subscription_remains_that_it_may_belong_to(story):
    story.broker |= {"s:task-3": asked("A", reference="http://fogflow-task-3.x:1")}
    story.discovery["s:3"] = at_discovery("A")
    story.observe()
    story.observe()
    del story.broker["s:task-1"]
    assert ended(story) == ["1"], "it was there before the other one"
    del story.broker["s:task-3"]
    assert ended(story) == ["3"]


def test_what_appears_before_its_owner_was_read_is_not_taken_for_anothers(story):
    """Discovery is read after the broker, so its subscription can be in an earlier round than its owner."""
    story.discovery["s:3"] = at_discovery("A")
    story.observe()
    story.broker["s:task-3"] = asked("A", reference="http://fogflow-task-3.x:1")
    story.observe()
    del story.broker["s:task-1"]
    del story.discovery["s:1"]
    assert ended(story) == []


def test_nothing_is_ended_for_a_broker_that_is_new_or_silent(story):
    held = dict(story.broker)
    story.broker = None
    assert ended(story) == []
    story.broker = held
    story.lose(BROKER)
    story.discovery |= {"s:3": at_discovery("A")}
    assert "3" not in ended(story)


def test_a_subscription_to_something_else_is_nobodys(story):
    """Where the forms differ, nothing is known and nothing is ended."""
    story.discovery["s:9"] = at_discovery("Z")
    story.discovery["s:0"] = {**at_discovery("A"), "entities": None}
    assert ended(story) == []


def test_the_next_keeper_knows_it_too(story):
    story.next_keeper()
    del story.broker["s:task-1"]
    story.broker["s:task-3"] = asked("A")
    story.discovery["s:3"] = at_discovery("A")
    assert ended(story, rounds=6) == ["1"]
    assert story.memory.owners.keys() == {"s:2", "s:3"}
