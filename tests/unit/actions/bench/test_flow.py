"""The scenario `flow` with a fake of FogFlow in one process: its function exists while it is measured, and nothing is left."""

import pytest

from fogflow_k8s.actions.bench import flow, leftovers, tasks
from fogflow_k8s.actions.bench.request import BenchRequest
from fogflow_k8s.actions.bench.run import run
from fogflow_k8s.errors import ClusterError, Interrupted, OperationFailed, UsageError
from fogflow_k8s.model.bench.plan import Plan
from fogflow_k8s.model.task import functions
from tests.unit.actions.bench.generator import IMAGE, Generator, step
from tests.unit.model.bench.server import BEGIN

BUDGET_S = 15
PLAN = Plan("r1", "flow", 10, 5, 3, 1, "http://broker", "http://discovery", tasks_s=2)


def publish(fog):
    """What the generator and the tasks publish."""
    for name, kind in (("in", PLAN.entity_type), ("out", PLAN.output_type), ("theirs", "Temperature")):
        fog.entities[name] = {"entityId": {"id": name, "type": kind}, "attributes": []}


def test_the_function_exists_during_the_measurement_only(make):
    fog, op, ctl = make()
    with flow.registered(op, ctl, PLAN, "registry.example/repeat:1"):
        (function,) = fog.functions.values()
        (task,) = function["topology"]["tasks"]
        assert task["input_streams"][0]["selected_type"] == PLAN.entity_type
        assert task["output_streams"] == [{"entity_type": PLAN.output_type}]
        (operator,) = fog.operators.values()
        assert {each["name"] for each in operator["dockerimages"]} == {"registry.example/repeat"}
        publish(fog)
    assert (fog.functions, fog.operators, list(fog.entities)) == ({}, {}, ["theirs"])


def test_the_function_is_removed_before_the_entities(make):
    """A task that still runs would publish its output again."""
    fog, op, ctl = make()
    with flow.registered(op, ctl, PLAN, "x:1"):
        publish(fog)
    (name,) = {call for call in fog.calls if call.startswith("DELETE /fogfunction")}
    assert fog.calls.index(name) < fog.calls.index("POST /ngsi10/updateContext")


@pytest.mark.parametrize(
    ("error", "ends"), [(KeyboardInterrupt(), Interrupted), (OperationFailed("no result"), OperationFailed)]
)
def test_after_ctrl_c_and_after_a_failure_nothing_is_left(make, error, ends):
    fog, op, ctl = make()

    def measurement():
        with flow.registered(op, ctl, PLAN, "x:1"):
            publish(fog)
            raise error

    with pytest.raises(ends):
        measurement()
    assert (fog.functions, fog.operators, list(fog.entities)) == ({}, {}, ["theirs"])


def test_a_function_that_is_half_registered_is_removed(make):
    fog, op, ctl = make()
    fog.refuse = {"POST /fogfunction": 503}
    with pytest.raises(ClusterError, match="503"), flow.registered(op, ctl, PLAN, "x:1"):
        pass
    assert fog.operators == {}


def test_what_a_killed_run_left_is_removed_and_the_rest_stays(make):
    fog, op, ctl = make()
    with tasks.listing.connect(op, ctl) as clients:
        tasks.register(op, clients, "bench-0a1b2c", "x:1", PLAN.entity_type, PLAN.output_type)
        tasks.run.register(
            op, clients, functions.operator("theirs", "x:1", {}), functions.function("theirs", "T", "", {})
        )
    publish(fog)
    assert leftovers.names(op) == ["ConfigMap/fogflow-bench-0a1b2c"], "so doctor finds it, too"
    leftovers.remove(op)
    assert leftovers.names(op), "the record stays as long as its function"
    tasks.remove_leftovers(op, lambda: ctl)
    assert (list(fog.functions), list(fog.entities), leftovers.names(op)) == (["theirs"], ["theirs"], [])


def test_without_a_record_nothing_is_asked(make):
    _, op, _ = make()
    tasks.remove_leftovers(op, lambda: pytest.fail("kubectl is not needed"))


def test_a_run_registers_the_function_around_the_generator(kept, make):
    """The cluster in memory has no tasks; designer and broker are those of the other fake."""
    fog, _, ctl = make()
    generator = Generator(kept, {"result": [step(told=[(0, n, BEGIN + n / 50 + 0.03) for n in range(99)])]})
    request = BenchRequest(("flow",), image=IMAGE, task_image="x:1", timeout_s=7, id="r1")
    (scenario,) = run(kept.op(), lambda: ctl, request).scenarios
    (plan,) = generator.plans
    assert (plan["scenario"], plan["entities"], plan["subscribers"], plan["tasks_s"]) == ("flow", 10, 1, 7)
    assert scenario.violations == ["1 of 100 outputs were lost"]
    assert "POST /fogfunction" in fog.calls
    assert (fog.functions, fog.operators, generator.left(), leftovers.names(kept.op())) == ({}, {}, [], [])


def test_the_image_of_the_operator_has_to_be_named():
    with pytest.raises(UsageError, match="repeats the attribute sequence"):
        BenchRequest(("flow",)).require_valid()
    BenchRequest(("flow",), task_image="x:1").require_valid()
    BenchRequest(("flow",), task_image="x:1", find_capacity=True).require_valid()
