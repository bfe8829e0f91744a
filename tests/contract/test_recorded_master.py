"""The fake of the master answers and orchestrates as the recordings say, with the messages that were recorded."""

import contextlib
import json
import time

import aio_pika

from tests.contract.recorded import Replay, recording
from tests.contract.recorded_bus import BUS, HEARTBEAT, STEPS, alike, ready, running_rabbit
from tests.waiting import until

BUDGET_S = 30

DESIGNER, MASTER = recording("designer"), recording("master")


def test_the_master_answers_as_recorded(programs, bus):
    ready(programs, bus)
    Replay(programs).run([*MASTER["rest"], *MASTER["agent"]])


def test_queues_are_the_recorded_ones(programs, bus):
    """Declared once more with the recorded properties: RabbitMQ refuses others."""
    ready(programs, bus)

    async def declare():
        connection = await aio_pika.connect(running_rabbit().url)
        channel = await connection.channel()
        for queue in BUS["queues"]:
            if queue["name"] != "Worker.001":  # it is played here
                found = await channel.declare_queue(
                    queue["name"], durable=queue["durable"], auto_delete=queue["auto_delete"]
                )
                assert found.declaration_result.consumer_count == 1, queue
        await connection.close()

    bus._do(declare())


def function(name, kind, output, operator="rec", **stream):
    """As the recorder posted them."""
    stream = {"selected_type": kind, "selected_attributes": [], "groupby": "EntityID", "scoped": False, **stream}
    task = {
        "name": "main",
        "operator": operator,
        "input_streams": [stream],
        "output_streams": [{"entity_type": output}],
    }
    intent = {
        "id": f"ServiceIntent.{name}", "topology": name, "priority": {"exclusive": False, "level": 0}, "qos": "default",
        "geoscope": {"scopeType": "global", "scopeValue": "global"},
    }  # fmt: skip
    return {
        "name": name,
        "topology": {"name": name, "description": "", "tasks": [task]},
        "intent": intent,
        "status": "enabled",
    }


class Story:
    """Does a step, and compares what was said then with what was said in the step that was recorded."""

    def __init__(self, programs, bus):
        self.programs, self.bus = programs, bus

    def step(self, name, *done):
        self.bus.heard.clear()
        for method, path, body in done:
            where = "broker" if path.startswith("/ngsi10") else "designer"
            assert self.programs.call(where, method, path, body)[0] == 200
            time.sleep(0.3)  # what follows waits for what went before, as it did for the recorder
        words = ("ServiceIntent", "ADD_TASK", "REMOVE_TASK", "ADD_INPUT", "REMOVE_INPUT")
        step = next(messages for title, messages in STEPS.items() if title.startswith(f"[upstream] tasks: {name}"))
        wanted = [alike(m) for m in step if m["body"]["Type"] in words]
        with contextlib.suppress(AssertionError):
            until(lambda: len(self.bus.of(*words)) >= len(wanted), name, 10, every=0.02)
        order = lambda message: json.dumps(message, sort_keys=True)  # noqa: E731
        assert sorted(map(alike, self.bus.of(*words)), key=order) == sorted(wanted, key=order), name


def entity(name, kind, action="UPDATE"):
    one = {"entityId": {"id": name, "type": kind}, "attributes": [{"name": "v", "type": "integer", "value": 1}]}
    return "POST", "/ngsi10/updateContext", {"contextElements": [one], "updateAction": action}


def posted(*functions):
    return "POST", "/fogfunction", list(functions)


def test_the_master_says_what_was_recorded(programs, bus):
    ready(programs, bus)
    operators = next(e for e in DESIGNER["operators"] if e["name"] == "create operator with parameters and image")
    bare = {"name": "noimage", "description": "", "parameters": [], "dockerimages": []}
    programs.call("designer", "POST", "/operator", [*operators["request"]["body"], bare])
    story = Story(programs, bus)
    story.step("function created, no entity yet", posted(function("tf1", "TIn", "TOut")))
    story.step("first entity appears", entity("T.1", "TIn"))
    story.step("second entity", entity("T.2", "TIn"))
    story.step("second entity deleted", entity("T.2", "TIn", "DELETE"))
    story.step("second entity again", entity("T.2", "TIn"))
    story.step(
        "another entity is there before its function", entity("E.1", "EIn"), posted(function("tf2", "EIn", "EOut"))
    )
    story.step("that function deleted", ("DELETE", "/fogfunction/tf2", None))
    everyone = function("tall", "AIn", "AOut", groupby="ALL", selected_attributes=["v"])
    story.step("function with groupby ALL, first entity", posted(everyone), entity("A.1", "AIn"))
    story.step("groupby ALL, second entity (ADD_INPUT)", entity("A.2", "AIn"))
    story.step("groupby ALL, second entity deleted", entity("A.2", "AIn", "DELETE"))
    story.step(
        "groupby ALL, first entity deleted", entity("A.1", "AIn", "DELETE"), ("DELETE", "/fogfunction/tall", None)
    )
    story.step("same function posted again", posted(function("tf1", "TIn", "TOut")))
    assert programs.call("master", "GET", "/workers")[2]["Worker.001"]["workload"] == 7, "no heartbeat said otherwise"
    story.step("function disabled", ("GET", "/fogfunction/tf1/disable", None))
    story.step("function enabled", ("GET", "/fogfunction/tf1/enable", None))


def test_the_master_drops_for_good_what_no_worker_has_room_for(programs, bus):
    ready(programs, bus)
    bus.tell({**HEARTBEAT, "PayLoad": {**HEARTBEAT["PayLoad"], "capacity": 1}})
    short = {"name": "f", "task": "t", "image": "x/y:1", "input": "TIn", "output": "TOut"}
    programs.call("designer", "POST", "/fogfunction", short)
    time.sleep(0.3)
    programs.call("broker", *entity("T.1", "TIn"))
    until(lambda: len(bus.of("ADD_TASK")) == 1, "one task is placed")
    programs.call("broker", *entity("T.2", "TIn"))
    time.sleep(0.5)
    bus.tell(HEARTBEAT)  # room again
    time.sleep(0.5)
    programs.call("broker", *entity("T.3", "TIn"))
    until(lambda: len(bus.of("ADD_TASK")) == 2, "the next task is placed")
    assert [m["body"]["PayLoad"]["Inputs"][0]["ID"] for m in bus.of("ADD_TASK")] == ["T.1", "T.3"]
