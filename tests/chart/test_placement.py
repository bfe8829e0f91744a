"""Where pods may run: values for all components, and one component's own."""

from __future__ import annotations

import json
from typing import Any

from tests.chart.shapes import pods


def _spread(manifests: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: pod["spec"].get("topologySpreadConstraints") for name, pod in pods(manifests)}


def test_only_nginx_is_spread_unasked(render):
    assert {name for name, constraints in _spread(render()).items() if constraints} == {"nginx"}
    assert not any(_spread(render("--set-json", "nginx.topologySpreadConstraints=[]")).values())


def test_a_global_spread_is_over_the_release_and_a_components_own_over_its_own_pods(render):
    constraint = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    own = {**constraint, "topologyKey": "rack"}
    chosen = {**own, "labelSelector": {"matchLabels": {"a": "b"}}}
    found = _spread(
        render(
            "--set-json",
            f"global.topologySpreadConstraints=[{json.dumps(constraint)}]",
            "--set-json",
            f"broker.topologySpreadConstraints=[{json.dumps(own)},{json.dumps(chosen)}]",
        )
    )
    release = {"app.kubernetes.io/instance": "fogflow"}
    everywhere = [{**constraint, "labelSelector": {"matchLabels": release}}]
    for name in ("rabbitmq", "discovery", "master", "cloud-worker", "designer", "keeper"):
        assert found[name] == everywhere, name
    brokers = {**release, "app.kubernetes.io/name": "cloud-broker"}
    assert found["cloud-broker"] == [{**own, "labelSelector": {"matchLabels": brokers}}, chosen]
    assert found["nginx"][0]["topologyKey"] == "kubernetes.io/hostname", "it has its own"
    assert found["fogflow-cleanup"] is None, "an uninstall waits for no balance"


def test_placement_of_all_and_of_one_component(render):
    values = (
        "global.nodeSelector.a=all,broker.nodeSelector.b=one,global.tolerations[0].key=x,broker.tolerations[0].key=y"
    )
    specs = {name: pod["spec"] for name, pod in pods(render("--set", values))}
    assert specs["discovery"]["nodeSelector"] == {"a": "all"}
    assert specs["cloud-broker"]["nodeSelector"] == {"a": "all", "b": "one"}
    lost = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]
    assert [each["key"] for each in specs["discovery"]["tolerations"]] == [*lost, "x"]
    assert [each["key"] for each in specs["cloud-broker"]["tolerations"]] == [*lost, "x", "y"]
    affinity = {"nodeAffinity": {}}
    arguments = (f"global.affinity={json.dumps(affinity)}", f"nginx.affinity={json.dumps({'podAffinity': {}})}")
    specs = {name: pod["spec"] for name, pod in pods(render("--set-json", arguments[0], "--set-json", arguments[1]))}
    assert specs["discovery"]["affinity"] == affinity
    assert "podAffinity" in specs["nginx"]["affinity"]
