"""A release against the quotas of its namespace."""

import pytest

from fogflow_k8s.model.quota import breaches


def workload(replicas=1, **resources):
    spec = {"containers": [{"name": "c", "resources": resources}]}
    return {
        "kind": "Deployment",
        "metadata": {"name": "nginx"},
        "spec": {"replicas": replicas, "template": {"spec": spec}},
    }


def quota(hard, used=None, **spec):
    return {"metadata": {"name": "small"}, "spec": {"hard": hard, **spec}, "status": {"used": used or {}}}


ASKS = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}


@pytest.mark.parametrize(
    ("hard", "used", "says"),
    [
        ({"pods": "10"}, {"pods": "9"}, ["quota small, pods: 2 pods wanted, 1 pods left of 10"]),
        ({"pods": "10"}, {"pods": "8"}, []),
        ({"requests.cpu": "150m"}, {}, ["quota small, requests.cpu: 200m CPU wanted, 150m CPU left of 150m"]),
        ({"cpu": "150m"}, {}, ["quota small, cpu: 200m CPU wanted, 150m CPU left of 150m"]),
        ({"limits.memory": "300Mi"}, {"limits.memory": "50Mi"}, ["quota small, limits.memory: 256Mi memory wanted, 250Mi memory left of 300Mi"]),
        ({"services": "0", "limits.cpu": "1"}, {}, []),
    ],
)  # fmt: skip
def test_what_is_left_and_what_is_wanted(hard, used, says):
    assert breaches([quota(hard, used)], [workload(2, **ASKS)], []) == says


def test_the_release_that_is_there_makes_room_for_its_successor():
    own = [{"spec": workload(**ASKS)["spec"]["template"]["spec"]}] * 2
    assert breaches([quota({"pods": "2"}, {"pods": "2"})], [workload(2, **ASKS)], own) == []


def test_a_quota_for_some_pods_only_is_left_to_the_api_server():
    assert breaches([quota({"pods": "0"}, scopes=["BestEffort"])], [workload(**ASKS)], []) == []
