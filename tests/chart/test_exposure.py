"""The ways from outside to the front door."""

from __future__ import annotations

import pytest

from tests.chart.shapes import of_kind


@pytest.mark.parametrize("arguments", ["externalIPs={192.0.2.1}", "Service.spec.externalIPs={192.0.2.1}"])
def test_both_spellings_of_external_ips(render, arguments):
    assert of_kind(render("--set", arguments), "Service")["nginx"]["spec"]["externalIPs"] == ["192.0.2.1"]


@pytest.mark.parametrize(
    ("kind", "service_type"),
    [("none", "ClusterIP"), ("nodePort", "NodePort"), ("loadBalancer", "LoadBalancer"), ("ingress", "ClusterIP")],
)
def test_ways_to_the_front_door(render, kind, service_type):
    manifests = render("--set", f"expose.type={kind}")
    assert of_kind(manifests, "Service")["nginx"]["spec"]["type"] == service_type
    assert bool(of_kind(manifests, "Ingress")) == (kind == "ingress")
