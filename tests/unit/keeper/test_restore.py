"""What the keeper learns of stateful members, and what of it is restored into a new process."""

import json
from types import SimpleNamespace

import pytest
from decide import decide
from keeper import Keeper
from memory import Memory
from ngsi import IDS
from report import health_report
from restore import MISSING_S, RETRY_S
from snapshot import BROKER, DISCOVERY, Pod, Snapshot

BUDGET_S = 5

APP = {"reference": "http://app.example:1", IDS: ["id1"]}


class Story:
    """Looks at discovery and a broker, two seconds apart; what was decided of them."""

    def __init__(self):
        self.memory, self.now, self.lives = Memory(), 0.0, {DISCOVERY: 0, BROKER: 0}
        self.discovery = {"s:sid1": {}, "r:T1": {}, "r:T2": {}}
        self.broker = {"s:app": APP, "e:T1": {}, "e:T2": {}}

    def observe(self, seconds=2.0):
        self.now += seconds
        pods = {name: (Pod(name, f"{name}/{life}"),) for name, life in self.lives.items()}
        snapshot = Snapshot(pods=pods, discovery=self.discovery, broker=self.broker, tasks=())
        actions, self.memory = decide(snapshot, self.memory, self.now)
        return {(one.kind, one.component): one.names for one in actions}

    def lose(self, name):
        self.lives[name] += 1
        setattr(self, "discovery" if name == DISCOVERY else "broker", {})

    def next_keeper(self):
        """Another one takes over what this one has stored."""
        stored = {}
        kube = SimpleNamespace(
            store_memory=lambda memory: stored.update(json.loads(json.dumps(memory))) or "", load_memory=lambda: stored
        )
        before, after = (Keeper(SimpleNamespace(shards=(BROKER,)), kube, SimpleNamespace()) for _ in range(2))
        before.memory = self.memory
        before.store(final=True)
        after.load()
        self.memory = after.memory

    def restored(self):
        return self.observe().get(("restore", BROKER))


@pytest.fixture
def story():
    it = Story()
    for _ in range(3):
        assert it.observe() == {}
    return it


def test_a_new_process_gets_all_of_it_back(story):
    story.lose(BROKER)
    assert story.restored() == ("e:T1", "e:T2", "s:app")


def test_what_was_deleted_before_the_last_round_is_not_restored(story):
    """The same process still has a subscription of before: so it did not lose the entity, a user deleted it."""
    del story.broker["e:T1"]
    story.observe()
    story.lose(BROKER)
    assert story.restored() == ("e:T2", "s:app")


def test_without_proof_of_the_same_process_only_time_shows_a_deletion(story):
    story.broker = {"e:T2": {}}  # it may be a new one of which the kubelet has not told yet, and a device was quick
    story.observe()
    assert "e:T1" in story.memory.saved[BROKER]
    for _ in range(12):
        story.observe()
    assert story.memory.saved[BROKER].keys() == {"e:T2"}


def test_a_new_subscriber_at_a_new_process_is_no_sign_of_the_one_before(story):
    """Two looks at the new process have its subscription in common; what the one before held is not deleted by that."""
    story.broker = {"s:new": {"reference": "x", IDS: ["id5"]}}
    story.observe(1.0)
    story.observe(1.0)
    story.lives[BROKER] += 1
    assert story.restored() == ("e:T1", "e:T2", "s:app")


def test_what_was_deregistered_while_its_broker_was_lost_does_not_come_back(story):
    story.lose(BROKER)
    story.broker = None
    del story.discovery["r:T1"]
    story.observe()
    story.broker = {}
    assert story.restored() == ("e:T2", "s:app")


def test_what_is_deleted_while_a_restore_is_under_way_stays_deleted(story):
    story.lose(BROKER)
    story.restored()
    story.broker = {"e:T1": {}, "s:app": {**APP, IDS: ["id9"]}}
    story.observe()
    story.broker = {"s:app": {**APP, IDS: ["id9"]}}
    story.observe()
    assert "e:T1" not in story.memory.saved[BROKER]
    assert "e:T2" in story.memory.saved[BROKER]


def test_what_came_while_a_restore_was_under_way_is_restored_when_that_process_is_lost_too(story):
    story.lose(BROKER)
    story.restored()
    story.broker = {"e:T9": {}}
    story.observe()
    story.lose(BROKER)
    for _ in range(4):
        names = story.restored() or ()
        if names:
            break
    assert names == ("e:T1", "e:T2", "e:T9", "s:app")


def test_what_is_not_accepted_is_tried_again_without_end_and_everything_else_goes_on(story):
    story.lose(BROKER)
    tries = 0
    for _ in range(60):
        tries += ("restore", BROKER) in story.observe()
        story.broker = {"e:T2": {}, "s:app": {**APP, IDS: ["id9"]}}
    assert story.memory.complete[BROKER] == f"{BROKER}/1"
    assert story.memory.unrestored(BROKER) == {"e:T1"}
    told = health_report(Snapshot(), story.memory, stored="", checked_age_s=0.0)
    assert told["snapshot"]["unrestored"] == 1
    before = tries
    for _ in range(int(3 * RETRY_S / 2)):
        tries += ("restore", BROKER) in story.observe()
    assert 2 <= tries - before <= 4
    story.broker["e:T1"] = {}
    story.observe()
    assert story.memory.unrestored(BROKER) == set()


def test_a_restore_with_progress_is_not_given_up(story):
    """Thousands of entities take more than one request's time."""
    story.broker |= {f"e:N{n}": {} for n in range(40)}
    story.observe()
    story.lose(BROKER)
    for _ in range(60):
        for key in (story.restored() or ())[:2]:
            story.broker = {**story.broker, key: dict(APP, **{IDS: ["id9"]}) if key == "s:app" else {}}
    assert len(story.broker) == 43
    assert story.memory.unrestored(BROKER) == set()


def test_subscriptions_of_deleted_tasks_are_not_restored(story):
    story.broker["s:task"] = {
        "reference": "http://fogflow-task-a.ns.svc:1", "Subscriber": {"Correlator": "Task.a"}, IDS: ["id2"]
    }  # fmt: skip
    story.observe(0.5)
    story.lose(BROKER)
    assert story.restored() == ("e:T1", "e:T2", "s:app")


def test_what_a_broker_had_subscribed_at_discovery_is_ended_when_its_next_process_is_complete(story):
    """It subscribes again for each subscription that it gets back; without the keeper the ones before would remain."""
    at = {"reference": "http://cloud-broker.ns.svc:8070/ngsi10/notifyContextAvailability"}
    story.discovery |= {"s:old": at, "s:other": {"reference": "http://other.ns.svc"}}
    story.observe()
    story.observe()
    story.lose(BROKER)
    assert story.restored()
    story.discovery |= {"s:new": at}
    story.broker = {"e:T1": {}, "e:T2": {}, "s:app": {**APP, IDS: ["id9"]}}
    assert story.observe() == {("unsubscribe", DISCOVERY): ("old",)}


def test_one_deletion_after_the_other_without_proof_of_the_same_process(story):
    story.broker = {"e:T1": {}, "e:T2": {}, "e:T3": {}}
    for _ in range(12):
        story.observe()
    story.broker = {"e:T1": {}, "e:T2": {}}
    for _ in range(int(MISSING_S) // 2 + 1):
        story.observe()
    assert story.memory.saved[BROKER].keys() == {"e:T1", "e:T2"}


@pytest.mark.parametrize("keeper_too", [False, True])
def test_what_a_broker_had_subscribed_at_discovery_is_ended_once_its_next_process_has_done_so(story, keeper_too):
    """Discovery keeps a subscription of each process; that of the former one leads to a broker that ignores it."""
    own = {"reference": "http://cloud-broker.city:8070/ngsi10/notifyContextAvailability"}
    story.discovery["s:former"] = own
    story.observe()
    held = story.broker
    if keeper_too:
        story.next_keeper()
    story.lose(BROKER)
    assert "s:app" in story.restored()
    story.broker = {**held, "s:app": {**APP, IDS: ["id2"]}}
    story.discovery["s:new"] = own
    ended = [
        names
        for _ in range(4)
        for (kind, name), names in story.observe().items()
        if (kind, name) == ("unsubscribe", DISCOVERY)
    ]
    assert ended
    assert set(ended) == {("former",)}
