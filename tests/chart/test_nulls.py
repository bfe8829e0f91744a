"""A null in the values, by which Helm takes a default away: the pods render without it, as safe as before."""

from __future__ import annotations

import pytest

from tests.chart.shapes import pods

BUDGET_S = 120
COMPONENTS = ("rabbitmq", "discovery", "broker", "master", "worker", "designer", "nginx", "dgraph", "keeper")
KEYS = (
    "podSecurityContext", "containerSecurityContext", "nodeSelector", "affinity", "tolerations", "topologySpreadConstraints",
    "podAnnotations", "podLabels", "resources",
)  # fmt: skip


def nulls(*paths):
    return [word for path in paths for word in ("--set-json", f"{path}=null")]


@pytest.mark.parametrize("key", KEYS)
def test_null_takes_a_default_of_every_component_away(render, key):
    found = render("--set", "dgraph.enabled=true", *nulls(*(f"{each}.{key}" for each in COMPONENTS)))
    for _, pod in pods(found):
        context = pod["spec"]["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        if key == "podSecurityContext":
            assert not {"runAsUser", "runAsGroup", "fsGroup"} & context.keys(), "left to the platform"
        for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize("path", ["externalIPs", "podAnnotations", "global.nodeSelector", "global.tolerations", "global.topologySpreadConstraints", "global.imagePullSecrets", "global.affinity"])  # fmt: skip
def test_null_empties_what_holds_for_all_components(render, path):
    assert render(*nulls(path))
