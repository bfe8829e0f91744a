"""The fakes of broker and discovery answer and tell what the recordings say, and have the originals' timers and ends."""

import socket
import time

import pytest

from tests.contract.recorded import Programs, Replay, Subscriber, recording
from tests.waiting import until

BUDGET_S = 40

BROKER, DISCOVERY = recording("broker"), recording("discovery")
ACCEPTED = (200, {"responseCode": {"code": 200, "reasonPhrase": "OK"}})


@pytest.fixture
def programs(tmp_path):
    it = Programs(tmp_path)
    yield it
    it.stop()


def update(programs, *elements, at="broker", action="UPDATE"):
    return programs.call(
        at, "POST", "/ngsi10/updateContext", {"contextElements": list(elements), "updateAction": action}
    )


def element(name, value, kind="T"):
    return {"entityId": {"id": name, "type": kind}, "attributes": [{"name": "v", "type": "integer", "value": value}]}


def subscribe(programs, reference, *, at="broker", kind="T", **headers):
    body = {"entities": [{"type": kind, "isPattern": True}], "reference": reference}
    answer = programs.call(at, "POST", "/ngsi10/subscribeContext", body, headers)[2]
    return answer["subscribeResponse"]["subscriptionId"]


def values(heard):
    return [
        one["contextElement"]["attributes"][0]["value"]
        for notice in heard
        for one in notice["body"].get("contextResponses", [])
        if "attributes" in one["contextElement"]
    ]


@pytest.mark.parametrize("scenario", ["entities", "notifications", "ngsi-ld"])
def test_the_broker_answers_and_tells_as_recorded(programs, scenario):
    programs.start("discovery", "broker")
    Replay(programs, silent=scenario != "ngsi-ld").run(BROKER[scenario])


def test_a_broker_asks_another_one_as_recorded(programs):
    programs.start("discovery", "broker")
    registration = {
        "entities": [{"id": "Bo.1", "type": "BrO"}],
        "providingApplication": f"{programs.subscriber.url}/ngsi10",
    }
    programs.call("discovery", "POST", "/ngsi9/registerContext", {"contextRegistrations": [registration]})
    Replay(programs).run(BROKER["another broker"])


@pytest.mark.parametrize("scenario", ["registrations", "brokers", "patterns"])
def test_discovery_answers_and_tells_as_recorded(programs, scenario):
    programs.subscriber.default = ACCEPTED
    programs.start("discovery")
    if scenario != "patterns":
        programs.start("broker")
    Replay(programs, silent=scenario == "registrations").run(DISCOVERY[scenario])


def test_discovery_tells_again_until_the_body_says_that_it_was_taken(programs):
    programs.start("discovery")
    told = programs.subscriber
    told.answers.extend([(200, {}), (200, {}), (500, ACCEPTED[1])])
    body = {"entities": [{"type": "T", "isPattern": True}], "reference": f"{told.url}/a"}
    programs.call("discovery", "POST", "/ngsi9/subscribeContextAvailability", body)
    registration = {"entities": [{"id": "T.1", "type": "T"}], "providingApplication": "http://p/ngsi10"}
    programs.call("discovery", "POST", "/ngsi9/registerContext", {"contextRegistrations": [registration]})
    until(lambda: len(told.heard) == 3, "it is told three times")
    first, second, third = (one["at"] for one in told.heard)
    assert second - first > 1.5
    assert third - second > 1.5
    assert not told.answers


def test_what_was_refused_is_kept_and_its_newest_value_is_lost(programs):
    programs.start("discovery", "broker")
    address = socket.create_server(("127.0.0.1", 0))
    port = address.getsockname()[1]
    address.close()
    sid = subscribe(programs, f"http://127.0.0.1:{port}", **{"Require-Reliability": "true"})
    update(programs, element("T.1", 1))
    for value in (2, 3, 4):
        until(lambda v=value: len(kept(programs, sid)) == v - 1, "it is kept")
        update(programs, element("T.1", value))
    until(lambda: len(kept(programs, sid)) == 4, "all four are kept")
    assert kept(programs, sid) == [{**element("T.1", 1)}] * 4
    back = Subscriber(port)
    until(lambda: back.heard, "it is told when it listens again")
    assert values(back.heard) == [1, 1, 1, 1]
    until(lambda: not kept(programs, sid), "nothing is kept any more")
    back.close()


def kept(programs, sid):
    return programs.call("broker", "GET", f"/ngsi10/subscription/{sid}")[2]["Subscriber"]["NotifyCache"]


def test_a_subscriber_that_does_not_answer_holds_up_the_heartbeat(tmp_path):
    """The one timer of a broker waits for the dial: 30 s in the original, 3 here."""
    programs = Programs(tmp_path, heartbeat=1, env={"FAKE_DIAL_TIMEOUT_S": "3"})
    programs.start("discovery", "broker")
    hole = socket.socket()
    hole.bind(("127.0.0.1", 0))
    hole.listen(0)
    full = [socket.socket() for _ in range(3)]
    for each in full:  # nobody accepts: the queue is full, and what comes then is dropped
        each.setblocking(False)
        each.connect_ex(hole.getsockname())
    beats = set()

    def beat():
        listed = programs.call("discovery", "GET", "/ngsi9/broker")[2].get("Broker.001")
        if listed and listed["Last_Heartbeat_Update"] not in beats:
            beats.add(listed["Last_Heartbeat_Update"])
            return time.monotonic()
        return None

    try:
        until(beat, "the broker beats")
        subscribe(programs, f"http://127.0.0.1:{hole.getsockname()[1]}", **{"Require-Reliability": "true"})
        update(programs, element("T.1", 1))
        last = until(beat, "the broker beats", every=0.02)
        gaps = []
        while not gaps or (gaps[-1] < 2.8 and len(gaps) < 5):
            moment = until(beat, "the broker beats", every=0.02)
            gaps.append(moment - last)
            last = moment
        assert gaps[-1] > 2.8, f"every 2 s, as if nobody was waited for: {gaps}"
    finally:
        for each in (*full, hole):
            each.close()
        programs.stop()


def test_two_elements_in_one_update_end_the_broker_when_somebody_hears_of_one(programs):
    programs.start("discovery", "broker")
    assert update(programs, element("T.1", 1), element("T.2", 1))[0] == 200
    assert len(programs.call("broker", "GET", "/ngsi10/entity")[2]) == 2
    subscribe(programs, programs.subscriber.url)
    until(lambda: programs.subscriber.heard, "the subscriber is told of what is there")
    update(programs, element("T.3", 1), element("T.4", 1))
    assert update(programs, element("T.1", 2), action="DELETE")[0] == 200
    with pytest.raises(ConnectionError):
        update(programs, element("T.2", 2), element("T.5", 1))
    assert programs.processes["broker"].wait(10) == 2


def test_two_brokers_notify_each_other_without_end_after_an_entity_changed_its_owner(programs):
    programs.start("discovery", "broker", "broker1")
    for name in ("broker", "broker1"):
        subscribe(programs, f"{programs.subscriber.url}/{name}", at=name)
    update(programs, element("E", 1))
    until(lambda: len({one["path"] for one in programs.subscriber.heard}) == 2, "both are told")
    update(programs, element("E", 1), action="DELETE")
    time.sleep(0.3)
    update(programs, element("E", 2), at="broker1")
    programs.subscriber.heard.clear()
    until(lambda: len(programs.subscriber.heard) > 100, "it is told and told again", 20)
