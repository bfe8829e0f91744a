"""The demand of a deploy compared with a namespace's quotas: pods and their requests, objects, and one additional pod."""

import pytest

from fogflow_k8s.model.placement.quota import Demand, breaches, is_counted, surges

BUDGET_S = 5
ASKS = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}
HOLDS = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "128Mi"}}


def workload(replicas=1, name="nginx", tag="1", strategy=None, kind="Deployment", **resources):
    spec = {"containers": [{"name": "c", "image": f"x:{tag}", "resources": resources}]}
    return {
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "template": {"spec": spec}, **({"strategy": strategy} if strategy else {})},
    }


def pods(of, count, phase="Running"):
    meta = {"labels": {"app.kubernetes.io/component": of["metadata"]["name"]}}
    return [
        {"kind": "Pod", "metadata": meta, "spec": of["spec"]["template"]["spec"], "status": {"phase": phase}}
    ] * count


def quota(hard, used=None, **spec):
    return {"metadata": {"name": "small"}, "spec": {"hard": hard, **spec}, "status": {"used": used or {}}}


def obj(kind, name="one", **spec):
    return {"kind": kind, "metadata": {"name": name}, "spec": spec}


def live(*objects):
    return {(o["kind"], o["metadata"]["name"]): o for o in objects}


@pytest.mark.parametrize(
    ("hard", "used", "says"),
    [
        ({"pods": "10"}, {"pods": "9"}, ["quota small, pods: 2 pods wanted, 1 pods left of 10"]),
        ({"pods": "10"}, {"pods": "8"}, []),
        ({"count/pods": "1"}, {}, ["quota small, count/pods: 2 pods wanted, 1 pods left of 1"]),
        ({"requests.cpu": "150m"}, {}, ["quota small, requests.cpu: 200m CPU wanted, 150m CPU left of 150m"]),
        ({"cpu": "150m"}, {}, ["quota small, cpu: 200m CPU wanted, 150m CPU left of 150m"]),
        ({"limits.memory": "300Mi"}, {"limits.memory": "50Mi"}, ["quota small, limits.memory: 256Mi memory wanted, 250Mi memory left of 300Mi"]),
        ({"services": "0"}, {}, []),
        ({"count/deployments.apps": "8"}, {"count/deployments.apps": "8"}, ["quota small, count/deployments.apps: 1 deployments.apps wanted, 0 deployments.apps left of 8"]),
        ({"count/replicasets.apps": "0"}, {}, ["quota small, count/replicasets.apps: 1 replicasets.apps wanted, 0 replicasets.apps left of 0"]),
    ],
)  # fmt: skip
def test_what_is_left_and_what_is_wanted(hard, used, says):
    assert breaches([quota(hard, used)], Demand([workload(2, **ASKS)])) == says


@pytest.mark.parametrize(
    ("kind", "spec", "keys"),
    [
        ("Service", {}, {"services", "count/services"}),
        ("Service", {"type": "NodePort", "ports": [{}, {}]}, {"services", "count/services", "services.nodeports"}),
        ("Service", {"type": "LoadBalancer", "ports": [{}]}, {"services", "count/services", "services.nodeports", "services.loadbalancers"}),
        ("Service", {"type": "LoadBalancer", "ports": [{}], "allocateLoadBalancerNodePorts": False}, {"services", "count/services", "services.loadbalancers"}),
        ("Secret", {}, {"secrets", "count/secrets"}),
        ("ConfigMap", {}, {"configmaps", "count/configmaps"}),
        ("Role", {}, {"count/roles.rbac.authorization.k8s.io"}),
        ("PersistentVolumeClaim", {"storageClassName": "fast", "resources": {"requests": {"storage": "1Gi"}}},
         {"persistentvolumeclaims", "count/persistentvolumeclaims", "requests.storage", "fast.storageclass.storage.k8s.io/requests.storage", "fast.storageclass.storage.k8s.io/persistentvolumeclaims"}),
    ],
)  # fmt: skip
def test_an_object_counts_by_every_name_that_a_quota_has_for_it_until_it_exists(kind, spec, keys):
    one = obj(kind, **spec)
    every = [
        "pods", "services", "count/services", "services.nodeports", "services.loadbalancers", "secrets", "count/secrets", "configmaps",
        "count/configmaps", "persistentvolumeclaims", "count/persistentvolumeclaims", "requests.storage", "count/roles.rbac.authorization.k8s.io",
        *(f"{c}.storageclass.storage.k8s.io/{what}" for c in ("fast", "slow") for what in ("requests.storage", "persistentvolumeclaims")),
    ]  # fmt: skip
    full = quota(dict.fromkeys(every, "0"))
    assert {line.split(", ")[1].split(": ")[0] for line in breaches([full], Demand([one]))} == keys
    assert breaches([full], Demand([one], live=live(one))) == []


def test_a_service_that_exists_counts_for_the_node_ports_that_it_gets():
    new, old = obj("Service", type="NodePort", ports=[{}]), obj("Service", type="ClusterIP", ports=[{}])
    full = quota({"services": "1", "services.nodeports": "0"}, {"services": "1"})
    assert breaches([full], Demand([new], live=live(old))) == [
        "quota small, services.nodeports: 1 services.nodeports wanted, 0 services.nodeports left of 0"
    ]


def test_a_set_brings_a_claim_for_each_of_its_pods():
    claims = [{"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "2Gi"}}}}]
    several = workload(3, kind="StatefulSet")
    several["spec"]["volumeClaimTemplates"] = claims
    there = live(obj("PersistentVolumeClaim", "data-nginx-0"))
    assert breaches([quota({"requests.storage": "3Gi"})], Demand([several], live=there)) == [
        "quota small, requests.storage: 4Gi storage wanted, 3Gi storage left of 3Gi"
    ]


def test_the_release_that_is_there_makes_room_for_its_successor():
    old, new = workload(2, **ASKS), workload(2, tag="2", **ASKS)
    full = quota({"pods": "2", "limits.memory": "256Mi"}, {"pods": "2", "limits.memory": "256Mi"})
    assert breaches([full], Demand([new], live(old), [old], pods(old, 2))) == []


def test_a_pod_that_has_ended_gives_nothing_back():
    new = workload(1, tag="2")
    found = breaches(
        [quota({"pods": "1"}, {"pods": "1"})], Demand([new], before=[workload()], pods=pods(new, 1, "Failed"))
    )
    assert found == ["quota small, pods: 1 pods wanted, 0 pods left of 1"]


@pytest.mark.parametrize("used", ["2", "9"], ids=["exactly full", "over what was lowered later"])
def test_what_does_not_change_takes_nothing(used):
    same = workload(2, **ASKS)
    full = quota({"pods": "2"}, {"pods": used})
    assert breaches([full], Demand([same], live(same), [same], pods(same, 2))) == []


def test_pods_that_are_missing_are_wanted_though_nothing_changes():
    same = workload(2)
    full = quota({"pods": "1"}, {"pods": "1"})
    assert breaches([full], Demand([same], live(same), [same], pods(same, 1))) == [
        "quota small, pods: 2 pods wanted, 1 pods left of 1"
    ]


ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


@pytest.mark.parametrize(
    ("strategy", "replicas", "surge"),
    [
        (ROLLING, 2, 1),
        (None, 1, 1),
        (None, 4, 0),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "50%"}}, 2, 0),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}, 2, 0),
        ({"type": "Recreate"}, 2, 0),
        (ROLLING, 0, 0),
    ],
)
def test_a_rolling_update_that_may_miss_no_pod_needs_room_for_one_more(strategy, replicas, surge):
    old, new = workload(replicas, strategy=strategy), workload(replicas, tag="2", strategy=strategy)
    assert len(surges([new], [old])) == surge
    assert surges([new], []) == surges([old], [old]) == [], "nothing rolls"
    demand = Demand([new], live(old), [old], pods(old, replicas), beside=surges([new], [old]))
    full = quota({"pods": str(replicas)}, {"pods": str(replicas)})
    assert bool(breaches([full], demand)) == bool(surge)


def test_of_several_that_roll_the_most_demanding_pod_counts():
    strategy = {"strategy": ROLLING}
    old = [workload(name="a", requests={"cpu": "1"}, **strategy), workload(name="b", requests={"cpu": "3"}, **strategy)]
    new = [workload(name="a", tag="2", requests={"cpu": "1"}, **strategy), workload(name="b", tag="2", requests={"cpu": "3"}, **strategy)]  # fmt: skip
    demand = Demand(new, live(*old), old, [*pods(old[0], 1), *pods(old[1], 1)], beside=surges(new, old))
    assert breaches([quota({"requests.cpu": "7"}, {"requests.cpu": "4"})], demand) == []
    assert len(breaches([quota({"requests.cpu": "6500m"}, {"requests.cpu": "4"})], demand)) == 1


DEFAULTS = {
    "spec": {
        "limits": [{"type": "Container", "default": {"cpu": "2", "memory": "1Gi"}, "defaultRequest": {"cpu": "500m"}}]
    }
}


@pytest.mark.parametrize(
    ("resources", "wanted"),
    [
        ({}, {"requests.cpu": "500m CPU", "limits.cpu": "2 CPU", "requests.memory": "1Gi memory", "limits.memory": "1Gi memory"}),
        (HOLDS, {"requests.cpu": "50m CPU", "limits.cpu": "1 CPU", "requests.memory": "64Mi memory", "limits.memory": "128Mi memory"}),
        ({"limits": {"cpu": "3"}}, {"requests.cpu": "3 CPU", "limits.cpu": "3 CPU"}),
        ({"requests": {"memory": "2Mi"}}, {"requests.memory": "2Mi memory", "limits.memory": "1Gi memory"}),
    ],
)  # fmt: skip
def test_the_defaults_of_a_limit_range_count(resources, wanted):
    lines = breaches([quota(dict.fromkeys(wanted, "1m"))], Demand([workload(**resources)], limit_ranges=[DEFAULTS]))
    assert {line.split(", ")[1].split(": ")[0]: line.split(": ")[1].split(" wanted")[0] for line in lines} == wanted


@pytest.mark.parametrize("key", ["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"])
@pytest.mark.parametrize("where", ["containers", "initContainers"])
def test_a_container_that_does_not_say_what_a_quota_limits_is_named(key, where):
    """Kubernetes refuses such a pod, whatever the quota has left."""
    one = workload(**HOLDS)
    one["spec"]["template"]["spec"].setdefault(where, []).append({"name": "silent"})
    plenty = quota({key: "100Gi"})
    assert breaches([plenty], Demand([one])) == [
        f"quota small, {key}: every container must set it, and these do not: nginx"
    ]
    assert breaches([plenty], Demand([one], limit_ranges=[DEFAULTS])) == []


def test_the_most_greedy_init_container_counts_for_the_limits_too():
    one = workload(**HOLDS)
    one["spec"]["template"]["spec"]["initContainers"] = [{"name": "i", "resources": {"limits": {"memory": "1Gi"}}}]
    assert breaches([quota({"limits.memory": "512Mi"})], Demand([one])) == [
        "quota small, limits.memory: 1Gi memory wanted, 512Mi memory left of 512Mi"
    ]


def test_a_quota_for_some_pods_only_is_left_to_the_api_server():
    assert breaches([quota({"pods": "0"}, scopes=["BestEffort"])], Demand([workload(**ASKS)])) == []


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("pods", ""), ("limits.memory", ""), ("count/pods", ""), ("services", "Service"), ("services.nodeports", "Service"),
        ("count/jobs.batch", "Job"), ("requests.storage", "PersistentVolumeClaim"), ("count/secrets", "Secret"),
    ],
)  # fmt: skip
def test_only_what_a_quota_counts_has_to_be_looked_for(key, kind):
    kinds = ("Service", "Job", "PersistentVolumeClaim", "Secret", "Deployment", "Pod", "Unknown")
    assert {each for each in kinds if is_counted(obj(each), [quota({key: "1"})])} == ({kind} if kind else set())
