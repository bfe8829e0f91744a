"""Which worker a release has: the one that is named, the one that the native image's registry implies, or the one it has."""

import pytest

from fogflow_k8s.model.settings.edge import EdgeValues
from fogflow_k8s.model.settings.values import Values
from fogflow_k8s.model.settings.worker_choice import chosen, keep_installed, used

BUDGET_S = 1


def release(component="cloud-worker", *, native):
    marks = {"annotations": {"fogflow-k8s.io/keeps-tasks": "true"}} if native else {}
    return [
        {"kind": "ConfigMap", "metadata": {"name": "cloud-worker-config"}},
        {
            "kind": "Deployment",
            "metadata": {"name": component, "labels": {"app.kubernetes.io/component": component}, **marks},
        },
    ]


@pytest.mark.parametrize(
    ("asked", "registry", "worker"),
    [
        ("auto", "", "upstream"),
        ("auto", "r.example", "native"),
        ("upstream", "r.example", "upstream"),
        ("native", "r.example", "native"),
        ("native", "", "native"),
    ],
)
def test_auto_follows_the_registry_of_the_native_image(asked, registry, worker):
    assert chosen(asked, registry) == worker


def test_the_defaults_have_no_registry_so_they_mean_the_upstream_worker():
    assert not Values().worker.keeps_tasks
    assert not EdgeValues().worker.keeps_tasks
    assert Values.model_validate({"worker": {"nativeImage": {"registry": "r.example"}}}).worker.keeps_tasks


def test_a_mirror_for_all_images_is_a_registry_for_the_native_worker_and_no_request_for_it():
    mirrored = {"global": {"imageRegistry": "r.example"}}
    assert not Values.model_validate(mirrored).worker.keeps_tasks
    assert Values.model_validate({**mirrored, "worker": {"implementation": "native"}}).worker.keeps_tasks


@pytest.mark.parametrize("component", ["cloud-worker", "edge-worker"])
@pytest.mark.parametrize("native", [False, True])
def test_a_release_s_objects_say_which_worker_it_has(component, native):
    assert used(release(component, native=native)) == ("native" if native else "upstream")


def test_objects_without_a_worker_say_nothing():
    assert used(release("master", native=False)) is None
    assert used([]) is None


WITH_REGISTRY = {"worker": {"nativeImage": {"registry": "r.example"}}}


def test_an_upgrade_keeps_the_upstream_worker_when_a_registry_appears():
    kept = keep_installed(WITH_REGISTRY, release(native=False))
    assert kept == {"worker": {"implementation": "upstream", **WITH_REGISTRY["worker"]}}


def test_an_upgrade_keeps_the_native_worker_when_the_registry_is_gone():
    assert keep_installed({"replicaCount": 2}, release(native=True)) == {
        "replicaCount": 2,
        "worker": {"implementation": "native"},
    }


@pytest.mark.parametrize(
    ("values", "objects"),
    [
        ({}, release(native=False)),
        (WITH_REGISTRY, release(native=True)),
        (WITH_REGISTRY, []),
        ({"worker": {"implementation": "native", "nativeImage": {"registry": "r.example"}}}, release(native=False)),
        ({"worker": {"implementation": "upstream"}}, release(native=True)),
        ({"worker": {"nativeImage": {"registry": None}}}, release(native=False)),
    ],
)
def test_values_that_decide_or_already_agree_are_left_alone(values, objects):
    assert keep_installed(values, objects) == values
