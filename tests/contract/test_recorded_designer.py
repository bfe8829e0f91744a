"""The fake of the designer answers, says, stores and ends as the recordings say."""

import pytest

from tests.contract.recorded import Replay, recording
from tests.contract.recorded_bus import STEPS, alike, designer_listens, ready
from tests.waiting import until

BUDGET_S = 30

DESIGNER = recording("designer")


def test_the_designer_answers_and_says_what_was_recorded(programs, bus):
    programs.start("discovery", "broker", "designer")
    designer_listens(programs)
    programs.start("master")
    until(lambda: programs.call("designer", "GET", "/info/master")[2], "the designer knows the master")
    replay = Replay(programs)
    for scenario in ("empty", "operators", "services", "intents", "functions"):
        replay.run(DESIGNER[scenario])
    wanted = [replay.here(word) for entry in (*DESIGNER["intents"], *DESIGNER["functions"]) for word in entry["bus"]]
    until(lambda: len(bus.of("ServiceIntent")) == len(wanted), "all is said")
    payloads = [message["body"]["PayLoad"] for message in bus.of("ServiceIntent")]
    assert [f"ServiceIntent {p['action']} {p.get('id')}" for p in payloads] == wanted
    recorded = [alike(m) for step in STEPS for m in STEPS[step] if step.startswith("designer API")]
    for one in recorded:
        assert one in [alike(m) for m in bus.of("ServiceIntent")]
    assert all(m["properties"]["content_type"] is None for m in bus.of("ServiceIntent")), "it sends no properties"


@pytest.mark.parametrize("entry", DESIGNER["ends"], ids=lambda entry: entry["name"])
def test_the_designer_ends_on_what_ended_the_original(programs, entry):
    programs.start("designer")
    operator = {"name": "bare", "description": "", "parameters": []}
    programs.call("designer", "POST", "/operator", [operator])
    request = entry["request"]
    with pytest.raises(ConnectionError):
        programs.call(
            "designer", request["method"], request["path"], request.get("body"), {"Content-Type": "application/json"}
        )
    assert programs.processes["designer"].wait(10) == 1


def test_the_designer_replays_intents_then_enabled_functions_and_makes_its_subscriptions_again(programs, bus):
    ready(programs, bus)
    Replay(programs).run(DESIGNER["subscriptions"])
    before = programs.call("broker", "GET", "/ngsi10/subscription")[2].keys()
    by_name = {entry["name"]: entry["request"]["body"] for entry in DESIGNER["functions"] if "body" in entry["request"]}
    function = by_name["create fog function"][0]
    intent = next(entry["request"]["body"] for entry in DESIGNER["intents"] if entry["name"] == "create intent")
    off = {**function, "name": "off", "intent": {**function["intent"], "id": "ServiceIntent.off"}}
    for path, body in (("/fogfunction", [function, off]), ("/intent", intent)):
        assert programs.call("designer", "POST", path, body)[0] == 200
    programs.call("designer", "GET", "/fogfunction/off/disable")
    until(lambda: len(bus.of("ServiceIntent")) == 4, "all is said")
    programs.kill("designer")
    bus.heard.clear()
    programs.start("designer")
    until(lambda: len(bus.of("ServiceIntent")) == 2, "all is replayed")
    assert [m["body"]["PayLoad"]["id"] for m in bus.of("ServiceIntent")] == [
        "ServiceIntent.rec-1",
        "ServiceIntent.ff-1",
    ]
    subscriptions = until(
        lambda: (s := programs.call("broker", "GET", "/ngsi10/subscription")[2]) and len(s) == 6 and s,
        "they are made again",
    )
    assert before < subscriptions.keys()
    assert programs.call("designer", "GET", "/subscription")[2].keys() < subscriptions.keys()
