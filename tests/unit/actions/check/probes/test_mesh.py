"""A service mesh that injects its proxy into pods of the release is a warning that names the consequences."""

import pytest

from fogflow_k8s.actions.check.probes.mesh import mesh_of, no_mesh
from tests.unit.actions.world import HOME, TASKS, render

BUDGET_S = 3


@pytest.mark.parametrize(
    ("labels", "annotations", "found"),
    [
        ({}, {}, ""),
        ({"istio-injection": "enabled"}, {}, "label istio-injection=enabled"),
        ({"istio-injection": "disabled", "istio.io/rev": "1-27"}, {}, ""),
        ({"istio.io/rev": "1-27"}, {}, "label istio.io/rev=1-27"),
        ({"istio.io/rev": "1-27", "istio.io/dataplane-mode": "ambient"}, {}, ""),
        ({"istio.io/dataplane-mode": "ambient"}, {}, ""),
        ({}, {"linkerd.io/inject": "enabled"}, "linkerd.io/inject=enabled"),
        ({}, {"linkerd.io/inject": "ingress"}, "linkerd.io/inject=ingress"),
        ({}, {"linkerd.io/inject": "disabled"}, ""),
    ],
)
def test_what_asks_for_a_proxy_in_each_pod(labels, annotations, found):
    assert mesh_of({"metadata": {"name": "n", "labels": labels, "annotations": annotations}}) == found


@pytest.mark.parametrize(("name", "tasks"), [(HOME, TASKS), (TASKS, TASKS), ("work", "work")])
def test_either_namespace_counts_and_the_remedy_is_named(world, name, tasks):
    objects = render({"config": {"worker": {"app_namespace": tasks}}})
    assert no_mesh(world.op(), objects).ok
    world.cluster.put({"kind": "Namespace", "metadata": {"name": name, "labels": {"istio-injection": "enabled"}}})
    found = no_mesh(world.op(), objects)
    assert not found.ok
    assert f"namespace {name} has label istio-injection=enabled: init containers call" in found.detail
    assert "istio-injection=disabled" in found.remedy
