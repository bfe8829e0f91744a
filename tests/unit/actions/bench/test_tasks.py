"""The scenario `task` with a fake of FogFlow in one process."""

import pytest

from fogflow_k8s.actions.bench import leftovers, tasks
from fogflow_k8s.actions.task import stop
from fogflow_k8s.errors import (
    ClusterError,
    Interrupted,
    OperationFailed,
)
from fogflow_k8s.model.task import functions
from tests.unit.actions.fogflow import Clock

BUDGET_S = 12


def test_a_bench_measures_every_entity_and_removes_everything(make):
    fog, op, ctl = make()
    done = tasks.measure(op, ctl, tasks.TaskLoad(25, "x:1", rate=10, timeout_s=5))
    assert done.ok
    assert (done.published, done.created.count, done.running.count) == (25, 25, 25)
    assert done.created.maximum <= 0.25 + 0.1, "observed once more"
    assert done.publish_s == pytest.approx(2.4)
    assert done.workers == {"Worker.001": 25}
    assert (fog.functions, fog.operators, fog.entities) == ({}, {}, {})


def test_a_bench_shows_why_tasks_are_missing(make):
    fog, op, ctl = make(state="pending", ready=False, reason="no node has room")
    done = tasks.measure(op, ctl, tasks.TaskLoad(3, timeout_s=2))
    assert not done.ok
    assert done.why_not == {"pending: no node has room": 3}
    assert fog.entities == {}
    fog.makes = False
    assert tasks.measure(op, ctl, tasks.TaskLoad(3, timeout_s=2)).why_not == {"no task was made": 3}


def test_an_interrupted_bench_removes_everything(make):
    def interrupt(clock):
        clock.at_sleep = lambda _: None
        raise KeyboardInterrupt

    fog, op, ctl = make(clock=Clock(interrupt))
    with pytest.raises(Interrupted, match="everything that was created is removed again"):
        tasks.measure(op, ctl, tasks.TaskLoad(5, rate=1))
    assert "POST /fogfunction" in fog.calls
    assert (fog.functions, fog.operators, fog.entities) == ({}, {}, {})


def test_a_bench_whose_removal_is_interrupted_starts_it_again(make, monkeypatch):
    fog, op, ctl = make()
    real, turns = stop.remove, []

    def once(*given):
        turns.append(given)
        if len(turns) == 1:
            raise KeyboardInterrupt
        real(*given)

    monkeypatch.setattr(stop, "remove", once)
    with pytest.raises(Interrupted):
        tasks.measure(op, ctl, tasks.TaskLoad(2))
    assert (fog.functions, fog.operators, fog.entities) == ({}, {}, {})


def test_a_bench_whose_tasks_stay_waits_for_them_once(make):
    _, op, ctl = make(removes=False)
    with pytest.raises(OperationFailed, match="FK-6013"):
        tasks.measure(op, ctl, tasks.TaskLoad(1, timeout_s=2))
    assert op.clock.now() < 4, "waited for them once"


def test_a_failed_bench_ends_with_its_first_error(make):
    fog, op, ctl = make()
    fog.refuse = {"POST /ngsi10/updateContext": 503}
    with pytest.raises(ClusterError, match="503"):
        tasks.measure(op, ctl, tasks.TaskLoad(2))
    assert fog.functions == {}
    assert any("not everything could be removed again" in line for line in op.report.lines)


def test_what_a_killed_bench_left_is_removed_and_functions_of_others_stay(make):
    fog, op, ctl = make()
    killed = tasks.TaskLoad(2, name="bench-0a1b2c")
    with tasks.listing.connect(op, ctl) as clients:
        tasks.register(op, clients, killed.name, killed.image, killed.entity_type)
        tasks._publish(op, clients, killed, tasks.Measurements())
        theirs = functions.function("bench-theirs", "Temperature", "", {})
        tasks.run.register(op, clients, functions.operator("bench-theirs", "x:1", {}), theirs)
    tasks.remove_leftovers(op, lambda: ctl)
    done = tasks.measure(op, ctl, tasks.TaskLoad(1, timeout_s=5))
    assert done.ok
    assert list(fog.functions) == list(fog.operators) == ["bench-theirs"]
    assert leftovers.names(op) == []
    assert fog.entities == {}
