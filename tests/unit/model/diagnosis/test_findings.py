"""Findings of the doctor, and which of them it may fix."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fogflow_k8s.model.diagnosis import findings, health_report
from fogflow_k8s.model.diagnosis.catalogue import cause
from fogflow_k8s.model.diagnosis.health_report import HealthReport
from fogflow_k8s.model.release.history import Repair

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
DEGRADED = HealthReport("degraded", "not well: master", 5.0, checked=True)


def ago(**some):
    return (NOW - timedelta(**some)).isoformat()


def obj(kind, name, **metadata):
    return {"kind": kind, "metadata": {"name": name, "namespace": "city", **metadata}}


def pod(name, *, claim="", ready_s=0.0, ready="True"):
    condition = {"type": "Ready", "status": ready, "lastTransitionTime": ago(seconds=ready_s)}
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}] if claim else []
    labels = {"app.kubernetes.io/component": name}
    return {**obj("Pod", name, labels=labels), "spec": {"volumes": volumes}, "status": {"conditions": [condition]}}


def claim(name, **age):
    spec = {"resources": {"requests": {"storage": "1Gi"}}, "volumeName": "pv-1"}
    bound = {"capacity": {"storage": "2Gi"}}
    return {**obj("PersistentVolumeClaim", name, creationTimestamp=ago(**age)), "spec": spec, "status": bound}


@pytest.mark.parametrize(
    ("id_", "state", "fix"),
    [
        ("FK-6003", DEGRADED, "restart"),
        ("FK-6003", HealthReport("repairing", "", 5.0, checked=True), ""),  # the keeper repairs it now
        ("FK-6003", HealthReport("degraded", "old", 90.0), ""),  # the current state is unknown
        ("FK-6003", None, ""),
        ("FK-6008", HealthReport("working", "the keeper's last report is 90 s old", 90.0), "restart-keeper"),
        ("FK-5001", DEGRADED, ""),  # a restart does not repair a crash
        ("FK-3001", DEGRADED, ""),
        ("FK-7003", DEGRADED, ""),
    ],
)
def test_only_causes_that_a_restart_fixes_are_restarted(id_, state, fix):
    found = findings.from_cause(cause(id_, "master", "deployment/master", "it fails"), state)
    assert found.fix == fix
    assert bool(found.action) == bool(fix)


@pytest.mark.parametrize(
    ("told", "pods", "silent"),
    [
        (health_report.read(None, [], NOW), [pod("keeper", ready_s=61)], True),
        (health_report.read(None, [], NOW), [pod("keeper", ready_s=59)], False),
        (
            health_report.read(None, [], NOW),
            [pod("keeper", ready_s=61, ready="False")],
            False,
        ),  # its pod has a cause of its own
        (health_report.read(None, [], NOW), [pod("master", ready_s=61)], False),
        (DEGRADED, [pod("keeper", ready_s=61)], False),
        (None, [pod("keeper", ready_s=61)], False),  # simulated nodes
    ],
)
def test_a_keeper_that_never_reported(told, pods, silent):
    found = findings.silent_keeper(told, pods, NOW, "city")
    assert (found is not None) == silent
    if found:
        assert (found.cause.id, found.fix) == ("FK-6008", "restart-keeper")


def test_only_what_a_worker_made_is_a_task():
    mine = [obj("Deployment", "fogflow-task-1"), obj("Service", "fogflow-task-1")]
    others = [obj("Deployment", "shop"), obj("Deployment", "fogflow-task-2", deletionTimestamp=ago(seconds=1))]
    found = findings.orphaned_tasks([*others, *mine], "city-tasks", "city")
    assert found is not None
    assert found.cause.evidence == ("Deployment/fogflow-task-1", "Service/fogflow-task-1")
    assert found.cause.advice[0] == "fogflow-k8s doctor --fix -n city"
    assert findings.orphaned_tasks(others, "city-tasks", "city") is None


@pytest.mark.parametrize(
    ("worker", "pods", "gone"),
    [
        (None, [], True),
        ({"spec": {"replicas": 0}}, [], True),
        ({"spec": {"replicas": 0}}, [{}], False),  # on its way out, taking its tasks along
        ({"spec": {"replicas": 1}}, [], False),  # on its way in
        ({"spec": {}}, [], False),
        # it finds its tasks again when it is back
        ({"metadata": {"annotations": {"fogflow-k8s.io/keeps-tasks": "true"}}, "spec": {"replicas": 0}}, [], False),
    ],
)
def test_when_a_worker_is_gone(worker, pods, gone):
    assert findings.worker_is_gone(worker, pods) is gone


@pytest.mark.parametrize(
    ("subjects", "ours"), [([], True), (["city"], True), (["town"], False), (["city", "town"], False)]
)
def test_whose_tasks_they_are(subjects, ours):
    assert findings.is_used_by({"subjects": [{"namespace": name} for name in subjects]}, "city") is ours


def test_a_claim_is_in_use_when_a_pod_mounts_it_or_the_release_asks_for_it():
    wanted = {
        "kind": "Deployment",
        "metadata": {"name": "designer"},
        "spec": {"template": pod("designer", claim="asked")},
    }
    claims = [claim(name, days=3) for name in ("mounted", "asked", "left")]
    (found,) = findings.unused_claims(claims, [pod("x", claim="mounted")], [wanted], NOW)
    assert found.cause.summary == "claim left (2Gi, 3 days old) is kept from an earlier release, and nothing uses it"
    assert found.cause.evidence == ("volume pv-1",)
    assert not found.fix


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-3, "0 seconds"), (119, "119 seconds"), (120, "2 minutes"), (7200, "2 hours"), (172_800, "2 days")],
)
def test_an_age_in_words(seconds, said):
    assert findings.format_age(seconds) == said


def test_a_namespace_tells_what_holds_it():
    ending = {
        "metadata": {"name": "city", "deletionTimestamp": "2026-01-01T11:00:00Z"},
        "status": {
            "conditions": [
                {"type": "NamespaceContentRemaining", "status": "True", "message": "pods. has 1 resource instances"},
                {"type": "NamespaceDeletionDiscoveryFailure", "status": "False", "message": "all is found"},
            ]
        },
    }
    holders = findings.finalizer_holders([obj("Pod", "held", finalizers=["example.com/a"]), obj("Pod", "free")])
    found = findings.terminating_namespace(ending, holders)
    assert found is not None
    assert found.cause.evidence == ("pods. has 1 resource instances", "Pod/held is held by finalizer example.com/a")
    assert not found.fix
    assert findings.terminating_namespace({"metadata": {"name": "city"}}, []) is None


def test_findings_that_are_gone_afterwards_are_fixed():
    stuck = findings.interrupted_operation(
        Repair("rollback", 1, "revision 2 was left pending-upgrade"), "fogflow", "city"
    )
    kept, new = (findings.Finding(cause("FK-7008", "release", f"persistentvolumeclaim/{n}", n)) for n in "ab")
    result = findings.with_fixed([stuck, kept], [kept, new])
    assert [(f.cause.id, f.cause.object[-1], f.fixed) for f in result] == [
        ("FK-7004", "w", True), ("FK-7008", "a", False), ("FK-7008", "b", False),
    ]  # fmt: skip
