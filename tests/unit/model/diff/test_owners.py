"""The owner of a field, from entries of managedFields as an API server writes them."""

import pytest

from fogflow_k8s.model.diff.fields import Item
from fogflow_k8s.model.diff.owners import NO_OWNER, Owner, additions, owner_of

MASTER = {
    "f:spec": {"f:template": {"f:spec": {"f:containers": {
        'k:{"name":"master"}': {"f:image": {}, "f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:name": {}}}}
    }}}}
}  # fmt: skip
HELM = {"manager": "helm", "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}


def live(*entries, **metadata):
    containers = [{"name": "master", "image": "x", "ports": [{"name": "web", "containerPort": 80, "protocol": "TCP"}]}]
    return {
        "metadata": {"managedFields": list(entries), **metadata},
        "spec": {"replicas": 5, "template": {"spec": {"containers": containers}}},
    }


def entry(manager, fields, time="2026-01-01T00:00:00Z", **more):
    return {"manager": manager, "operation": "Update", "time": time, "fieldsV1": fields, **more}


REPLICAS = {"f:spec": {"f:replicas": {}}}
CONTAINER = ("spec", "template", "spec", "containers", Item("name", "master"))


@pytest.mark.parametrize(
    ("entries", "path", "owner"),
    [
        ([HELM], ("spec", "replicas"), NO_OWNER),
        ([HELM, entry("kubectl", REPLICAS, subresource="scale")], ("spec", "replicas"), Owner("kubectl", "scale")),
        ([entry("kubectl", REPLICAS)], ("spec", "paused"), NO_OWNER),
        ([entry("kube-controller-manager", REPLICAS, subresource="status")], ("spec", "replicas"), NO_OWNER),
        ([entry("kubectl-set", MASTER)], (*CONTAINER, "image"), Owner("kubectl-set")),
        ([entry("kubectl-set", MASTER)], (*CONTAINER, "command"), NO_OWNER),
        ([entry("kubectl-edit", MASTER)], (*CONTAINER, "ports", Item("name", "web"), "name"), Owner("kubectl-edit")),
        ([entry("kubectl-edit", MASTER)], CONTAINER, Owner("kubectl-edit")),
        (
            [entry("new", REPLICAS, "2026-02-02T00:00:00Z"), entry("old", REPLICAS), HELM],
            ("spec", "replicas"),
            Owner("new"),
        ),
        ([entry("kubectl-edit", {"f:spec": {"f:args": {}}})], ("spec", "args", Item("", 0)), Owner("kubectl-edit")),
    ],
)
def test_the_last_one_but_helm_is_named(entries, path, owner):
    assert owner_of(live(*entries), path) == owner


def test_a_subresource_is_shown():
    assert [str(Owner("kubectl", "scale")), str(Owner("kubectl-edit"))] == ["kubectl (scale)", "kubectl-edit"]


def test_what_no_manifest_mentions_was_added():
    labels = {"f:metadata": {"f:labels": {".": {}, "f:mine": {}, "f:app.io/name": {}}}}
    seen = live(entry("kubectl-label", labels), labels={"mine": "x", "app.io/name": "y"})
    manifest = {"metadata": {"labels": {"app.io/name": "z"}}}
    assert list(additions(seen, manifest)) == [(("metadata", "labels", "mine"), "x", Owner("kubectl-label"))]


def test_an_element_of_a_list_is_added_as_a_whole():
    (found,) = additions(live(entry("kubectl-edit", MASTER)), {"spec": {"template": {"spec": {"containers": [
        {"name": "master", "image": "y"}]}}}})  # fmt: skip
    assert found[0] == (*CONTAINER, "ports", Item("containerPort", 80))
    assert found[1]["name"] == "web"


@pytest.mark.parametrize("manager", ["kube-controller-manager", "kube-scheduler", "fogflow-k8s", "fogflow-k8s-restart"])
def test_fields_set_by_kubernetes_or_fogflow_k8s_are_not_changes_by_hand(manager):
    assert list(additions(live(entry(manager, REPLICAS)), {})) == []
