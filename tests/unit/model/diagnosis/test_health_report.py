"""The keeper's health report: when it counts, and the causes in it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from fogflow_k8s.model.components import NAMES
from fogflow_k8s.model.diagnosis import health_report

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def report(*, age=5.0, state="working", **components):
    told = {
        "v": 1,
        "updated": (NOW - timedelta(seconds=age)).isoformat(),
        "state": state,
        "why": "",
        "components": {name.replace("_", "-"): {"state": word, "why": ""} for name, word in components.items()},
        "repairs": [{"when": "2026-01-01T11:00:00Z", "what": "restarted master", "why": "disconnected"}],
    }
    return {"data": {health_report.FILE: json.dumps(told)}}


def pod(ready_for):
    since = (NOW - timedelta(seconds=ready_for)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"status": {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": since}]}}


def test_a_recent_report_of_a_working_fogflow_counts():
    told = health_report.read(report(master="ok"), [pod(60)], NOW)
    assert (told.works, told.checked, told.age_s) == (True, True, 5.0)
    assert health_report.causes(told, "city") == []
    assert told.repairs[0]["what"] == "restarted master"


@pytest.mark.parametrize(
    ("config_map", "pods", "word"),
    [
        (None, [], "not reported yet"),
        ({"metadata": {}}, [], "not reported yet"),
        ({"data": {"health.json": "{"}}, [], "not reported yet"),
        ({"data": {"health.json": "[]"}}, [], "not reported yet"),
        ({"data": {"health.json": '{"updated": "yesterday", "state": "working"}'}}, [], "not reported yet"),
        (report(age=31), [pod(60)], "31 s old"),
        (report(age=5), [pod(60), pod(2)], "not checked these pods"),
    ],
)
def test_a_report_that_does_not_count_has_a_reason(config_map, pods, word):
    told = health_report.read(config_map, pods, NOW)
    assert not told.checked
    assert not told.works
    assert word in told.why


@pytest.mark.parametrize(
    ("config_map", "pods", "overdue", "stale"),
    [
        (None, [pod(60)], False, False),
        (report(age=31), [pod(60)], True, True),
        (report(age=5), [pod(2)], True, False),
        (report(age=5), [pod(60)], False, False),
    ],
)
def test_a_report_that_no_longer_counts_is_distinguished_from_none(config_map, pods, overdue, stale):
    told = health_report.read(config_map, pods, NOW)
    assert (told.overdue, told.stale) == (overdue, stale)


def test_with_a_margin_only_a_report_well_after_the_pods_counts():
    told = [health_report.read(report(age=5), [pod(10)], NOW, margin_s=margin).checked for margin in (0, 5, 6)]
    assert told == [True, True, False]


def test_an_instance_of_several_is_reported_under_its_component():
    told = health_report.read(
        report(state="degraded", cloud_broker="ok", cloud_broker_1="down", cloud_worker="disconnected"), [pod(60)], NOW
    )
    first, second = health_report.causes(told, "city")
    assert (first.id, first.component, first.object) == ("FK-6006", "cloud-broker", "statefulset/cloud-broker")
    assert first.summary == "cloud-broker-1: down"
    assert (second.component, second.object) == ("cloud-worker", "deployment/cloud-worker")


def test_a_keeper_that_stopped_reporting_is_a_cause():
    (cause,) = health_report.causes(health_report.read(report(age=120), [], NOW), "city")
    assert (cause.id, cause.component) == ("FK-6008", "keeper")
    assert health_report.causes(health_report.read(None, [], NOW), "city") == [], "at the start it has had no time to"


def test_each_member_that_is_not_well_is_named():
    told = health_report.read(
        report(state="degraded", rabbitmq="down", master="disconnected", cloud_worker="unseen", discovery="empty",
               cloud_broker="unregistered", nginx="down", designer="unchecked"), [pod(60)], NOW,
    )  # fmt: skip
    found = {cause.component: cause.id for cause in health_report.causes(told, "city")}
    assert found == {
        "rabbitmq": "FK-6002",
        "master": "FK-6003",
        "cloud-worker": "FK-6004",
        "discovery": "FK-6005",
        "cloud-broker": "FK-6006",
        "nginx": "FK-6007",
    }
    assert set(found) <= set(NAMES)


REFERENCES = {"dead": {"cloud-broker-1": ["http://10.96.3.4:43210"]}, "unreachable": {"cloud-broker": ["http://app:1"]}}


def referring(age=5.0, references=REFERENCES):
    told = json.loads(report(age=age, cloud_broker="ok")["data"][health_report.FILE])
    return health_report.read(
        {"data": {health_report.FILE: json.dumps({**told, "references": references})}}, [pod(60)], NOW
    )


def test_unreachable_subscribers_have_causes_of_their_own_and_no_failed_rollout():
    told = referring()
    assert (told.works, health_report.causes(told, "city")) == (True, [])
    dead, away = health_report.subscription_causes(told, "city")
    assert (dead.id, dead.component, dead.object) == ("FK-6014", "cloud-broker", "broker/cloud-broker-1")
    assert dead.evidence == ("http://10.96.3.4:43210",)
    assert dead.advice[0].startswith("fogflow-k8s restart cloud-broker -n city")
    assert (away.id, away.object, away.evidence) == ("FK-6015", "broker/cloud-broker", ("http://app:1",))


@pytest.mark.parametrize(
    "told", [None, referring(age=31), referring(references={}), health_report.read(report(), [pod(60)], NOW)]
)
def test_without_a_report_that_counts_there_are_no_subscription_causes(told):
    assert health_report.subscription_causes(told, "city") == []


def test_a_report_with_malformed_subscriptions_does_not_count():
    assert not referring(references={"dead": ["x"]}).checked


def stamped(obj, seconds_ago, *path):
    """The same as the API server keeps it: something below that path was written so long ago, by its clock."""
    fields = {}
    for name in reversed(path):
        fields = {name: fields}
    at = (NOW - timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    old = {"time": "2020-01-01T00:00:00Z", "fieldsV1": {"f:metadata": {}}}
    return {**obj, "metadata": {"managedFields": [old, {"time": at, "fieldsV1": fields}, {"fieldsV1": None}]}}


@pytest.mark.parametrize(
    ("age", "written", "fresh"),
    [
        (5, 5, True),
        (3605, 5, True),
        (-3595, 5, True),
        (5, 31, False),
        (-3595, 540, False),
        (5, -6, False),
        (5, -4, True),
    ],
)
def test_when_a_report_was_written_is_told_by_the_api_server(age, written, fresh):
    assert (
        health_report.read(stamped(report(age=age), written, "f:data", "f:health.json"), [pod(60)], NOW).checked
        is fresh
    )


@pytest.mark.parametrize(("ready_for", "written", "believed"), [(60, 60, True), (-3600, 60, True), (3600, 2, False)])
def test_when_a_pod_became_ready_is_told_by_the_api_server(ready_for, written, believed):
    """The clock of its node does not matter."""
    seen = stamped(pod(ready_for), written, "f:status", "f:conditions")
    assert health_report.read(report(age=5), [seen], NOW).checked is believed


@pytest.mark.parametrize(("ahead", "fresh"), [(0, True), (5, True), (6, False), (3600, False)])
def test_a_report_from_the_future_is_not_fresh(ahead, fresh):
    told = health_report.read(report(age=-ahead), [pod(60)], NOW)
    assert (told.checked, told.overdue) == (fresh, not fresh)
