"""Data that an upgrade loses when it changes the kind or the number of a component's instances."""

import pytest

from fogflow_k8s.model.release.breaking_changes import losses


def workload(name, kind="Deployment", replicas=1):
    labels = {"app.kubernetes.io/component": name}
    return {"kind": kind, "metadata": {"name": name, "labels": labels}, "spec": {"replicas": replicas}}


ONE = [workload("cloud-broker"), workload("cloud-worker"), workload("nginx", replicas=3)]
SEVERAL = [workload("cloud-broker", "StatefulSet", 3), workload("cloud-worker", "StatefulSet", 3), ONE[2]]


@pytest.mark.parametrize(("old", "new"), [(ONE, ONE), (SEVERAL, SEVERAL), ([], SEVERAL), (SEVERAL, [])])
def test_unchanged_added_and_removed_components_lose_nothing(old, new):
    assert losses(old, new) == []


@pytest.mark.parametrize(("old", "new", "kind"), [(ONE, SEVERAL, "Deployment"), (SEVERAL, ONE, "StatefulSet")])
def test_another_kind_ends_all_pods(old, new, kind):
    found = losses(old, new)
    assert [(each.component, each.kind, each.replaced) for each in found] == [
        ("cloud-broker", kind, True),
        ("cloud-worker", kind, True),
    ]
    assert "all its pods end" in found[0].description
    assert "broker.shards" in found[0].advice
    assert "worker.replicas" in found[1].advice


def test_fewer_shards_leave_entities_at_an_address_without_a_broker():
    (found,) = losses(SEVERAL, [workload("cloud-broker", "StatefulSet", 2), SEVERAL[1]])
    assert "entity of cloud-broker-2 there" in found.description
    assert not found.replaced


def test_a_single_instance_of_several_is_both():
    broker, _ = losses(SEVERAL, ONE)
    assert broker.replaced
    assert "entity of cloud-broker-1, cloud-broker-2 there" in broker.description


def test_more_instances_and_fewer_workers_lose_nothing_that_the_keeper_does_not_restore():
    new = [workload("cloud-broker", "StatefulSet", 4), workload("cloud-worker", "StatefulSet", 2)]
    assert losses(SEVERAL, new) == []


def test_fewer_replicas_of_nginx_lose_nothing():
    assert losses([workload("nginx", replicas=3)], [workload("nginx")]) == []
