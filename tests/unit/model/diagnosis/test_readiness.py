"""Readiness: the verdict on an object of each kind."""

import pytest

from fogflow_k8s.model.diagnosis.readiness import judge


def deployment(**status):
    return {
        "kind": "Deployment",
        "metadata": {"generation": 2},
        "spec": {"replicas": 2},
        "status": {"observedGeneration": 2, **status},
    }


@pytest.mark.parametrize(
    ("obj", "state", "reason"),
    [
        (deployment(observedGeneration=1), "waiting", "not seen"),
        (deployment(updatedReplicas=1), "waiting", "1 of 2 replicas are of the new version"),
        (deployment(updatedReplicas=2, replicas=3), "waiting", "1 old replicas"),
        (deployment(updatedReplicas=2, replicas=2, availableReplicas=1), "waiting", "1 of 2 replicas are available"),
        (deployment(updatedReplicas=2, replicas=2, availableReplicas=2, readyReplicas=2), "ready", ""),
        ({"kind": "Deployment", "metadata": {}, "spec": {"replicas": 0}, "status": {}}, "ready", ""),
        ({"kind": "Deployment", "metadata": {"generation": 1}}, "waiting", "not seen"),
        (
            {"kind": "StatefulSet", "metadata": {}, "spec": {"replicas": 1}, "status": {"updatedReplicas": 1}},
            "waiting",
            "0 of 1 replicas are ready",
        ),
        (
            {
                "kind": "StatefulSet",
                "metadata": {},
                "spec": {"replicas": 1},
                "status": {"updatedReplicas": 1, "readyReplicas": 1},
            },
            "ready",
            "",
        ),
        (
            {
                "kind": "StatefulSet",
                "metadata": {},
                "spec": {"replicas": 1},
                "status": {"updatedReplicas": 1, "readyReplicas": 1, "replicas": 2},
            },
            "waiting",
            "1 old replicas still run",
        ),
        (
            {
                "kind": "StatefulSet",
                "metadata": {},
                "spec": {"replicas": 1, "updateStrategy": {"type": "OnDelete"}},
                "status": {"readyReplicas": 1},
            },
            "ready",
            "",
        ),
        (
            {
                "kind": "DaemonSet",
                "metadata": {},
                "status": {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2},
            },
            "waiting",
            "2 of 3",
        ),
        (
            {"kind": "Job", "status": {"conditions": [{"type": "Failed", "status": "True", "message": "too often"}]}},
            "failed",
            "too often",
        ),
        ({"kind": "Job", "status": {"conditions": [{"type": "Complete", "status": "True"}]}}, "ready", ""),
        ({"kind": "Pod", "status": {"phase": "Failed", "reason": "Evicted"}}, "failed", "Evicted"),
        ({"kind": "Pod", "status": {"phase": "Running"}}, "waiting", "Running"),
        ({"kind": "PersistentVolumeClaim", "status": {"phase": "Lost"}}, "failed", "no longer exists"),
        ({"kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}}, "ready", ""),
        ({"kind": "ConfigMap"}, "ready", ""),
    ],
)
def test_each_kind_is_judged_by_its_own_status(obj, state, reason):
    verdict = judge(obj)
    assert verdict.state == state
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({}, "failed"),
        ({"observedGeneration": 1}, "waiting"),  # what it says is about the version before
        ({"updatedReplicas": 1, "replicas": 1, "availableReplicas": 1}, "ready"),
        ({"conditions": [{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}]}, "waiting"),
        ({"conditions": [{"type": "Available", "status": "False", "reason": "ProgressDeadlineExceeded"}]}, "waiting"),
    ],
)
def test_a_rollout_that_the_controller_has_given_up_has_failed(change, state):
    given_up = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    status = {"observedGeneration": 2, "updatedReplicas": 1, "replicas": 2, "conditions": given_up, **change}
    obj = {
        "kind": "Deployment",
        "metadata": {"generation": 2},
        "spec": {"replicas": 1, "progressDeadlineSeconds": 120},
        "status": status,
    }
    found = judge(obj)
    assert found.state == state
    assert ("no progress for 120 s" in found.reason) is (state == "failed")
