"""Differences between manifests and between states of an object."""

import json

import pytest

from fogflow_k8s.model.diff import changes, object_changes, owner_of


def obj(kind="Deployment", name="nginx", **spec):
    return {"kind": kind, "metadata": {"name": name}, "spec": spec}


def test_objects_and_fields():
    found = [str(c) for c in changes([obj(replicas=2), obj(name="old")], [obj(replicas=3), obj(name="new")])]
    assert found == ["+ Deployment/new", "~ Deployment/nginx spec.replicas: 2 -> 3", "- Deployment/old"]


def test_the_same_is_no_change_and_a_type_is_one():
    assert changes([obj(a=1)], [obj(a=1)]) == []
    assert len(changes([obj(a=1)], [obj(a="1")])) == 1
    assert len(changes([obj(a=1)], [obj(a=True)])) == 1


def test_named_lists_are_compared_by_name():
    old = obj(containers=[{"name": "a", "image": "1"}, {"name": "b", "image": "1"}])
    new = obj(containers=[{"name": "b", "image": "1"}, {"name": "a", "image": "2"}])
    assert [c.path for c in object_changes(old, new)] == ["spec.containers[a].image"]


def test_what_only_the_server_writes_is_no_change():
    old = {"kind": "X", "metadata": {"name": "a", "resourceVersion": "1", "managedFields": []}, "status": {"a": 1}}
    new = {"kind": "X", "metadata": {"name": "a", "resourceVersion": "2"}, "status": {}}
    assert object_changes(old, new) == []


def test_secret_values_never_come_out():
    old, new = ({"kind": "Secret", "metadata": {"name": "s"}, "data": {"password": v}} for v in ("b2xk", "bmV3"))
    (only,) = object_changes(old, new)
    assert "b2xk" not in str(only)
    assert "bmV3" not in str(only)


def test_who_owns_a_field():
    live = {"metadata": {"managedFields": [
        {"manager": "helm", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        {"manager": "kubectl", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
    ]}}  # fmt: skip
    assert owner_of(live, "spec.replicas") == "kubectl"
    assert owner_of(live, "spec.paused") == ""


@pytest.mark.parametrize(
    "place",
    [
        {"metadata": {"annotations": {"note": "hunter22"}}},
        {"metadata": {"annotations": {"note": "hunter22", "more": "hunter22"}, "labels": {}}},
        {"spec": {"containers": [{"name": "x", "env": [{"name": "PLAIN", "value": "hunter22"}]}]}},
        {"data": {"config.json": '{"rabbitmq": {"password": "hunter22"}}'}},
        {"spec": {"password": "hunter22"}},
    ],
)
def test_what_may_be_secret_is_not_shown_in_a_difference(place):
    """Neither when it is new, nor when it changes, nor when what holds it appears as a whole."""
    base = {"kind": "Deployment", "metadata": {"name": "master"}}
    old = json.loads(json.dumps(place).replace("hunter22", "hunter11"))
    for before, after in ((base, {**base, **place}), ({**base, **old}, {**base, **place})):
        lines = [
            str(change)
            for change in object_changes(
                {"metadata": {}, **before}, {**after, "metadata": {**after["metadata"], "name": "master"}}
            )
        ]
        assert lines
        assert not [line for line in lines if "hunter" in line], lines


def test_what_is_no_secret_is_shown_in_a_difference():
    def master(value, revision):
        env = [{"name": "PYTHONDONTWRITEBYTECODE", "value": value}]
        annotations = {"deployment.kubernetes.io/revision": revision}
        return {
            "kind": "Deployment",
            "metadata": {"name": "m", "annotations": annotations},
            "spec": {"env": env},
        }

    lines = "\n".join(map(str, object_changes(master("1", "2"), master("0", "3"))))
    assert "env[PYTHONDONTWRITEBYTECODE].value: 1 -> 0" in lines
    assert "revision: 2 -> 3" in lines
