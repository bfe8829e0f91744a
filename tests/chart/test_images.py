"""The images that the tool lists are those that the chart runs, and a digest file pins every one of them."""

from pathlib import Path

import pytest

from fogflow_k8s.actions.images import wanted
from fogflow_k8s.adapters.helm import Helm, Target
from fogflow_k8s.adapters.process import SystemRunner
from fogflow_k8s.model.values import Values

CHART = Path("charts/fogflow-chart")
SHA = "sha256:" + "0" * 64


def of(helm, **values):
    return wanted(Helm(SystemRunner(), Target("fogflow", "fogflow"), helm), CHART, Values.model_validate(values))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"dgraph": {"enabled": True}},
        {"global": {"imageRegistry": "r.example:5000/all"}},
        {"nginx": {"image": {"registry": "", "repository": "nginx", "tag": "1", "digest": SHA}}},
    ],
)
def test_a_section_says_of_every_image_where_it_comes_from(helm, values):
    found = of(helm, **values)
    assert found.uses
    assert all(found.named(use.image) for use in found.uses)


def test_hooks_and_init_containers_count(helm):
    (python,) = [use for use in of(helm).uses if use.image.path == "library/python"]
    assert {"keeper", "leave", "front-door-test", "cloud-broker"} <= set(python.components)


def test_pins_pin_everything(helm):
    before = of(helm)
    after = of(helm, **before.pins({str(use.image): SHA for use in before.uses}))
    assert [str(use.image) for use in after.uses] == [f"{use.image}@{SHA}" for use in before.uses]
