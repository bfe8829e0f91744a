"""Our own worker understands every recorded message of the master, and its words have the shape of the recorded ones."""

import json

import pytest

from fogflow_k8s.worker import protocol
from fogflow_k8s.worker.task_ledger import TaskLedger
from tests.contract.recorded import recording

MESSAGES = recording("bus")["messages"]
FROM_MASTER = [m for m in MESSAGES if m["routing_key"] == "Worker.001."]
KINDS = {
    "ADD_TASK": protocol.AddTask, "REMOVE_TASK": protocol.RemoveTask, "ADD_INPUT": protocol.AddInput,
    "REMOVE_INPUT": protocol.RemoveInput,
}  # fmt: skip


def parsed(message):
    return protocol.parse(json.dumps(message["body"]).encode())


def first(kind):
    return next(m["body"] for m in MESSAGES if m["body"]["Type"] == kind)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_message_is_understood(kind):
    found = [m for m in FROM_MASTER if m["body"]["Type"] == kind]
    assert found
    for message in found:
        understood, payload = parsed(message), message["body"]["PayLoad"]
        assert type(understood) is KINDS[kind]
        assert understood.id == payload.get("ID", payload.get("TaskInstanceID"))


def test_nothing_of_a_task_is_lost_on_the_way():
    for message in FROM_MASTER:
        if message["body"]["Type"] == "ADD_TASK":
            task, payload = parsed(message).task.stored(), message["body"]["PayLoad"]
            for key in (
                "TopologyName",
                "TaskName",
                "ServiceIntentID",
                "OperatorName",
                "DockerImage",
                "Parameters",
                "Inputs",
            ):
                assert task[key] == payload[key], key
            assert [o["StreamID"] for o in task["Outputs"]] == [o["StreamID"] for o in payload["Outputs"]]


def test_the_recorded_messages_leave_the_tasks_that_the_original_has():
    """Half a minute between two steps, as when they were recorded: nothing falls to an earlier REMOVE_TASK."""
    ledger, now, step = TaskLedger("Worker.001"), 0.0, ""
    for number, message in enumerate(FROM_MASTER):
        now, step = (now + 30.0 if message["step"] != step else now), message["step"]
        outcome = ledger.apply(parsed(message), now, number)
        assert outcome.result != "overtaken", message
        if outcome.record is not None:
            ledger.store(outcome.record)
        if outcome.result == "removed":
            ledger.drop(outcome.record.id)
    left = {name: {each.id for each in record.task.inputs} for name, record in ledger.records.items()}
    assert left == {"Task.tf1.main.1897792752": {"T.1"}, "Task.tf1.main.2333863751": {"T.2"}}


def test_a_task_that_is_told_again_keeps_the_intent_that_it_had():
    """The master names none in what it sends after an intent's update."""
    again = next(
        m for m in FROM_MASTER if m["body"]["Type"] == "ADD_TASK" and not m["body"]["PayLoad"]["ServiceIntentID"]
    )
    one = next(m for m in FROM_MASTER if m["body"]["PayLoad"].get("ID") == again["body"]["PayLoad"]["ID"])
    ledger = TaskLedger("Worker.001")
    ledger.store(ledger.apply(parsed(one), 0.0, 0).record)
    told = ledger.apply(parsed(again), 30.0, 1)
    assert (told.result, told.record.task.intent) == ("unchanged", "ServiceIntent.tf1")


def test_its_words_have_the_recorded_shape():
    """The one key that is not said is a moment that the master sets itself."""
    join = first("WORKER_JOIN")["PayLoad"]
    own = protocol.worker_profile("Worker.001", join["location"], join["capacity"], join["workload"])
    assert own.keys() == join.keys() - {"Last_Heartbeat_Update"}
    add = next(m for m in FROM_MASTER if m["body"]["Type"] == "ADD_TASK")
    record = TaskLedger("Worker.001").apply(parsed(add), 0.0, 0).record
    assert protocol.task_update(record.task, "running") == first("TASK_UPDATE")["PayLoad"]
    info, recorded = protocol.task_info(record, "http://10.0.0.1:1"), first("TASK_INFO")["PayLoad"]
    assert info.keys() == recorded.keys()
    assert [part.split("=")[0] for part in info["Info"].split("; ")] == ["refURL", "containerID"]
    assert [part.split("=")[0] for part in recorded["Info"].split("; ")] == ["refURL", "containerID"]
    said = json.loads(protocol.envelope("TASK_INFO", protocol.TASK_KEY, "Worker.001", info))
    assert said.keys() == first("TASK_INFO").keys()
    assert said["RoutingKey"] == first("TASK_INFO")["RoutingKey"]
