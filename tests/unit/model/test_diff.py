"""Differences between manifests and between states of an object."""

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
