"""The age of a health report is measured by the API server's clock: those of this machine, the keeper and the nodes may be wrong."""

import json
from datetime import timedelta

import pytest

from fogflow_k8s.actions.doctor.doctor import examine, fix_findings
from fogflow_k8s.actions.observe import status
from fogflow_k8s.model.diagnosis import health_report
from tests.unit.actions.fake_cluster import START
from tests.unit.actions.world import HOME, RELEASE

BUDGET_S = 20
KEEPER = {"keeper": {"enabled": True}}
OFF = [timedelta(hours=-1), timedelta(seconds=-31), timedelta(0), timedelta(seconds=31), timedelta(hours=1)]


def wrong(world, by):
    """An operation on a machine whose clock is that far from the API server's."""
    return world.op(today=lambda: START + timedelta(seconds=world.clock.now()) + by)


def dated(world, by, *, managed=True):
    """Let the keeper report as one whose own clock is that wrong; the API server notes its own time, if `managed`."""
    now = world.cluster.clock()
    data = {health_report.FILE: json.dumps({"state": "working", "components": {}, "updated": (now + by).isoformat()})}
    meta = {"name": health_report.name_of(RELEASE), "namespace": HOME}
    if managed:
        fields = {"f:data": {".": {}, f"f:{health_report.FILE}": {}}}
        meta["managedFields"] = [{"manager": "keeper", "time": now.isoformat(), "fieldsV1": fields}]
    world.always = []
    world.cluster.put({"kind": "ConfigMap", "metadata": meta, "data": data})


@pytest.mark.parametrize("by", OFF)
def test_a_keeper_that_reports_is_believed_whatever_the_time_is_here(kept, by):
    assert status.status(wrong(kept, by)).state == "working"
    assert kept.deploy(KEEPER, op=wrong(kept, by)).report.state == "working"
    assert kept.deploy({**KEEPER, "replicaCount": 2}, op=wrong(kept, by)).report.state == "working"
    assert examine(wrong(kept, by)).findings == ()
    asked = []
    fix_findings(wrong(kept, by), asked.append, timeout_s=60)
    assert asked == []


@pytest.mark.parametrize("by", OFF)
def test_a_keeper_that_has_been_silent_for_nine_minutes_is_not(kept, by):
    kept.always = []
    kept.clock.sleep(540)
    report = status.status(wrong(kept, by))
    assert report.state != "working"
    assert "540 s old" in report.assessment.health.why or "541 s old" in report.assessment.health.why
    assert kept.deploy(KEEPER, op=wrong(kept, by), timeout_s=40).report.state != "working"
    assert [found.cause.id for found in examine(wrong(kept, by)).findings] == ["FK-6008"]


@pytest.mark.parametrize("by", OFF)
def test_a_keeper_whose_own_clock_is_wrong_is_believed_too(kept, by):
    dated(kept, by)
    assert status.status(kept.op()).state == "working"
    assert examine(kept.op()).findings == ()
    kept.clock.sleep(31)
    assert status.status(kept.op()).state != "working"


@pytest.mark.parametrize("by", OFF)
def test_where_the_server_does_not_say_when_a_report_from_the_future_is_none(kept, by):
    dated(kept, by, managed=False)
    report = status.status(kept.op())
    assert (report.state == "working") is (by == timedelta(0))
    if by > timedelta(0):
        assert f"dated {by.total_seconds():.0f} s in the future" in report.assessment.health.why
