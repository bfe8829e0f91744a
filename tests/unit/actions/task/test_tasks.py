"""What `task` does, against a FogFlow of one process."""

import json
from dataclasses import replace

import pytest

from fogflow_k8s.actions.task import bench, listing, run, stop
from fogflow_k8s.actions.task.run import TaskRequest
from fogflow_k8s.errors import (
    ClusterError,
    FogflowError,
    Interrupted,
    NotInstalled,
    OperationFailed,
    Refused,
    UsageError,
)
from fogflow_k8s.model.task.functions import MARK
from fogflow_k8s.model.task.observed import group_key
from tests.unit.actions.fogflow import Clock, FogFlow, kubectl, operation, serving
from tests.unit.model.tasks import ours, upstreams

BUDGET_S = 25

WANTED = TaskRequest("r.example/count:1", "Temperature", "Count", "f1", parameters={"cpu-request": "50m"}, timeout_s=10)


@pytest.fixture
def make(tmp_path):
    """A FogFlow with these properties, an operation on it, and a kubectl that leads to it."""
    servers = []

    def made(clock=None, **properties):
        fog = FogFlow(**properties)
        servers.append(serving(fog))
        return fog, operation(fog, clock=clock), kubectl(tmp_path, servers[-1].server_address[1])

    yield made
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_task_is_run_as_a_user_of_fogflow_would(make, tmp_path):
    fog, op, ctl = make()
    ran = run.run(op, ctl, WANTED)
    changes = [call for call in fog.calls if not call.startswith("GET") and not call.endswith("queryContext")]
    assert changes == ["POST /operator", "POST /fogfunction", "POST /ngsi10/updateContext"]
    assert fog.operators["f1"]["parameters"][0]["value"] == "50m"
    assert (ran.entity, ran.task.topology, ran.task.state) == ("Temperature.f1", "f1", "running")
    assert ran.output["attributes"][0]["value"] == 7
    said = (tmp_path / "said").read_text()
    assert "port-forward service/designer :http" in said
    assert "port-forward service/cloud-broker :http" in said


def test_without_an_output_nobody_waits_for_one(make):
    fog, op, ctl = make(publishes=False)
    ran = run.run(op, ctl, TaskRequest("x:1", "T", name="f1"))
    assert (ran.output, ran.output_s) == (None, None)
    assert fog.calls.count("POST /ngsi10/queryContext") == 1, "whether its entity is there already"


def test_an_entity_that_is_there_is_neither_replaced_nor_removed(make):
    fog, op, ctl = make()
    device = {"entityId": {"id": "T1", "type": "Temperature"}, "attributes": [{"name": "t", "value": 21}]}
    fog.entities["T1"] = device
    ran = run.run(op, ctl, replace(WANTED, entity="T1"))
    assert ran.output is not None
    assert fog.entities["T1"] == device
    stop.stop(op, ctl, stop.plan(op, ctl, "f1"), timeout_s=5)
    assert fog.entities["T1"] == device


def test_what_was_published_before_proves_nothing(make):
    fog, op, ctl = make()
    id_ = f"Count.{group_key(WANTED.source)}.1"
    fog.entities[id_] = {"entityId": {"id": id_, "type": "Count"}, "attributes": [{"name": "count", "value": 1}]}
    with pytest.raises(OperationFailed, match="has published no Count"):
        run.run(op, ctl, WANTED)


@pytest.mark.parametrize(
    ("properties", "id_", "code", "says"),
    [
        ({"makes": False}, "FK-6009", 30, "made no task of f1 within 10 s"),
        ({"publishes": False}, "FK-6010", 30, "has published no Count"),
        (
            {"state": "failed", "ready": False, "reason": "no image for this hardware"},
            "FK-6011",
            21,
            "no image for this hardware",
        ),
        ({"state": "pending", "ready": False, "reason": "no node has room"}, "FK-6012", 30, "still pending"),
        ({"state": "running", "ready": False}, "FK-6012", 30, "its pod is not ready"),
    ],
)
def test_what_goes_wrong_has_an_id_a_reason_and_a_way_on(make, properties, id_, code, says):
    fog, op, ctl = make(**properties)
    with pytest.raises(OperationFailed) as error:
        run.run(op, ctl, WANTED)
    assert error.value.message.startswith(id_)
    assert says in error.value.message
    assert error.value.exit_code == code
    assert "fogflow-k8s task stop f1" in error.value.hint
    assert "f1" in fog.functions, "what was made stays, so that it can be looked at"


@pytest.mark.parametrize(("mark", "hint"), [({MARK: {}}, "fogflow-k8s task stop f1"), ({}, "--name ANOTHER")])
def test_a_function_of_that_name_is_not_replaced(make, mark, hint):
    fog, op, ctl = make()
    fog.functions["f1"] = {"name": "f1", "topology": {"tasks": []}, **mark}
    with pytest.raises(Refused, match="there is a function f1 already") as error:
        run.run(op, ctl, WANTED)
    assert error.value.hint == hint
    assert fog.calls == ["GET /fogfunction"]


def test_a_ctrl_c_leaves_what_was_made_and_says_so(make):
    def interrupt(_):
        raise KeyboardInterrupt

    _, op, ctl = make(clock=Clock(interrupt), makes=False)
    with pytest.raises(Interrupted, match="function f1 stays") as error:
        run.run(op, ctl, WANTED)
    assert error.value.hint == "fogflow-k8s task stop f1"


def test_a_refusal_of_the_designer_is_told_in_its_words(make):
    fog, op, ctl = make()
    fog.refuse["POST /fogfunction"] = 500
    with pytest.raises(ClusterError, match=r"the designer answered 500 to POST /fogfunction: .*so it is"):
        run.run(op, ctl, WANTED)


def test_simulated_nodes_run_nothing(make):
    _, op, ctl = make()
    op.cluster.nodes = [{"metadata": {"name": "n", "labels": {"fogflow-k8s.io/simulated": "true"}}}]
    with pytest.raises(FogflowError, match="simulated") as error:
        run.run(op, ctl, WANTED)
    assert error.value.exit_code == 40


def test_stopping_takes_back_all_that_was_made(make):
    fog, op, ctl = make()
    run.run(op, ctl, WANTED)
    plan = stop.plan(op, ctl, "f1")
    assert plan.goes == ["function f1", "operator f1", "entity Temperature.f1", f"task {plan.tasks[0]}"]
    assert stop.plan(op, ctl, plan.tasks[0]) == plan
    stop.stop(op, ctl, plan, timeout_s=5)
    assert (fog.functions, fog.operators) == ({}, {})
    assert "Temperature.f1" not in fog.entities


def test_a_function_without_a_task_can_be_stopped(make):
    fog, op, ctl = make(makes=False)
    with pytest.raises(OperationFailed):
        run.run(op, ctl, WANTED)
    stop.stop(op, ctl, stop.plan(op, ctl, "f1"), timeout_s=5)
    assert fog.functions == {}


def test_a_task_that_does_not_go_is_no_success(make):
    _, op, ctl = make(removes=False)
    run.run(op, ctl, WANTED)
    plan = stop.plan(op, ctl, "f1")
    with pytest.raises(OperationFailed, match="still there after 5 s") as error:
        stop.stop(op, ctl, plan, timeout_s=5)
    assert error.value.message.startswith("FK-6013")
    assert error.value.exit_code == 30


@pytest.mark.parametrize(
    ("functions", "intents", "says"),
    [
        ({"f1": {"name": "f1", "topology": {"tasks": []}}}, {}, "of function f1, which somebody else made"),
        (
            {},
            {"i": {"id": "ServiceIntent.9", "topology": "f1"}},
            "service topology f1, which intent ServiceIntent.9 asks for",
        ),
        ({}, {}, "of f1, which the designer does not know any more"),
    ],
)
def test_what_somebody_else_made_is_named_and_left(make, functions, intents, says):
    fog, op, ctl = make()
    fog.functions, fog.intents, fog.extra = functions, intents, [ours()]
    with pytest.raises(Refused, match=says) as error:
        stop.plan(op, ctl, "Task.f1.count.123")
    assert error.value.hint
    assert not [call for call in fog.calls if not call.startswith("GET")]


def test_a_task_that_says_nothing_of_itself_is_not_stopped(make):
    fog, op, ctl = make()
    fog.extra = [upstreams(admin=[])]
    with pytest.raises(Refused, match="does not say which function"):
        stop.plan(op, ctl, "fogflow-task-40001")


def test_the_list_counts_what_is_upstreams():
    fog = FogFlow()
    fog.extra = [ours(), upstreams(ready=False)]
    op = operation(fog)
    found = listing.look(op)
    assert (len(found.tasks), found.unknown, found.namespace) == (2, 1, "fogflow-tasks")
    assert ("Event", "fogflow-tasks") in op.cluster.asked, "something is not ready"


def test_events_are_not_read_for_nothing():
    fog = FogFlow()
    fog.extra = [ours()]
    op = operation(fog)
    listing.look(op)
    assert [kind for kind, _ in op.cluster.asked] == [
        *("ConfigMap", "Deployment"),  # where tasks are
        *("Deployment", "ConfigMap", "Pod"),
    ]


def test_no_task_is_one_thing_and_no_release_another():
    fog = FogFlow()
    assert listing.look(operation(fog)).tasks == ()
    fog.installed = False
    with pytest.raises(NotInstalled):
        listing.look(operation(fog))


def test_a_task_is_found_by_all_its_names():
    fog = FogFlow()
    fog.extra = [ours("Task.f1.count.1"), ours("Task.f1.count.2"), upstreams()]
    tasks = listing.look(operation(fog)).tasks
    for text in (tasks[0].id, tasks[0].object, tasks[0].object.removeprefix("fogflow-task-")):
        assert listing.one(tasks, text) == tasks[0]
    with pytest.raises(UsageError, match="has 3 tasks"):
        listing.one(tasks, "f1")
    with pytest.raises(UsageError, match=r"no task 'Task\.f1\.count\.3'") as error:
        listing.one(tasks, "Task.f1.count.3")
    assert "did you mean Task.f1.count." in error.value.hint


def test_a_bench_measures_every_entity_and_leaves_nothing(make):
    fog, op, ctl = make()
    done = bench.bench(op, ctl, bench.Load(25, "x:1", rate=10, timeout_s=5))
    assert done.ok
    assert (done.published, done.created.count, done.running.count) == (25, 25, 25)
    assert done.created.most <= 0.25 + 0.1, "seen at the next look"
    assert done.publish_s == pytest.approx(2.4)
    assert done.workers == {"Worker.001": 25}
    assert (fog.functions, fog.operators, fog.entities) == ({}, {}, {})


def test_a_bench_says_why_tasks_are_missing(make):
    fog, op, ctl = make(state="pending", ready=False, reason="no node has room")
    done = bench.bench(op, ctl, bench.Load(3, timeout_s=2))
    assert not done.ok
    assert done.why_not == {"pending: no node has room": 3}
    assert fog.entities == {}
    fog.makes = False
    assert bench.bench(op, ctl, bench.Load(3, timeout_s=2)).why_not == {"no task was made": 3}


def test_a_bench_that_is_interrupted_takes_everything_away(make):
    def interrupt(clock):
        clock.at_sleep = lambda _: None
        raise KeyboardInterrupt

    fog, op, ctl = make(clock=Clock(interrupt))
    with pytest.raises(Interrupted, match="everything that was made is removed again"):
        bench.bench(op, ctl, bench.Load(5, rate=1))
    assert "POST /fogfunction" in fog.calls
    assert (fog.functions, fog.operators, fog.entities) == ({}, {}, {})


def test_a_bench_whose_cleaning_up_is_interrupted_begins_it_anew(make, monkeypatch):
    fog, op, ctl = make()
    real, turns = stop.remove, []

    def once(*given):
        turns.append(given)
        if len(turns) == 1:
            raise KeyboardInterrupt
        real(*given)

    monkeypatch.setattr(stop, "remove", once)
    with pytest.raises(Interrupted):
        bench.bench(op, ctl, bench.Load(2))
    assert (fog.functions, fog.operators, fog.entities) == ({}, {}, {})


def test_a_bench_whose_tasks_stay_says_so_once(make):
    _, op, ctl = make(removes=False)
    with pytest.raises(OperationFailed, match="FK-6013"):
        bench.bench(op, ctl, bench.Load(1, timeout_s=2))
    assert op.clock.now() < 4, "waited for them once"


def test_a_bench_that_fails_says_what_failed_first(make):
    fog, op, ctl = make()
    fog.refuse = {"POST /ngsi10/updateContext": 503}
    with pytest.raises(ClusterError, match="503"):
        bench.bench(op, ctl, bench.Load(2))
    assert fog.functions == {}
    assert any("not everything could be removed again" in line for line in op.report.lines)


def test_a_note_that_somebody_spoilt_is_read_as_far_as_it_goes():
    plan = stop._plan("f", json.loads('{"operator": 7, "entities": [{"id": "e"}, "x"]}'), [])
    assert plan.goes == ["function f", "operator 7", "entity e"]
