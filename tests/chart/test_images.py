"""The images that the tool lists are those that the chart runs, and a digest file pins every one of them."""

import json
import shutil
from pathlib import Path

import pytest

from fogflow_k8s import __version__
from fogflow_k8s.actions.images.listing import wanted
from fogflow_k8s.adapters.helm.client import Helm, Target
from fogflow_k8s.adapters.process import SystemRunner
from fogflow_k8s.model.settings.base import merge
from fogflow_k8s.model.settings.values import Values

CHART = Path("charts/fogflow-chart")
SHA = "sha256:" + "0" * 64


def of(helm, chart=CHART, **values):
    return wanted(Helm(SystemRunner(), Target("fogflow", "fogflow"), helm), chart, Values.model_validate(values))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"dgraph": {"enabled": True}},
        {"global": {"imageRegistry": "r.example:5000/all"}},
        {"nginx": {"image": {"registry": "", "repository": "nginx", "tag": "1", "digest": SHA}}},
        {"worker": {"nativeImage": {"registry": "localhost"}}},
        {
            "worker": {"implementation": "native", "nativeImage": {"tag": "7"}},
            "global": {"imageRegistry": "r.example/all"},
        },
    ],
)
def test_a_section_says_of_every_image_where_it_comes_from(helm, values):
    found = of(helm, **values)
    assert found.uses
    assert all(found.named(use.image) for use in found.uses)


def test_hooks_and_init_containers_count(helm):
    (python,) = [use for use in of(helm).uses if use.image.path == "library/python"]
    assert {"keeper", "cleanup", "reverse-proxy-test", "cloud-broker"} <= set(python.components)


@pytest.mark.parametrize(
    ("implementation", "image"),
    [("upstream", "docker.io/fogflow/worker:3.2.8"), ("native", f"localhost/fogflow-k8s/worker:{__version__}")],
)
def test_the_worker_is_the_one_of_its_engine(helm, implementation, image):
    """Upstream's has upstream's version, ours the chart's; the other one is not asked for."""
    found = of(helm, worker={"implementation": implementation, "nativeImage": {"registry": "localhost"}})
    assert [
        str(use.image) for use in found.uses if "cloud-worker" in use.components and "keeper" not in use.components
    ] == [image]
    assert found.pins({image: SHA}).keys() == {"worker"}


@pytest.mark.parametrize("implementation", ["upstream", "native"])
def test_pins_pin_everything(helm, implementation):
    worker = {"implementation": implementation, "nativeImage": {"registry": "localhost"}}
    before = of(helm, worker=worker)
    pins = before.pins({str(use.image): SHA for use in before.uses})
    after = of(helm, **merge(pins, {"worker": worker}))
    assert [str(use.image) for use in after.uses] == [f"{use.image}@{SHA}" for use in before.uses]


def test_a_packaged_chart_pins_the_images_that_it_was_published_with_and_no_others(helm, tmp_path):
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    (chart / "files/digests.json").write_text(json.dumps({"docker.io/library/rabbitmq:4.3": SHA}), encoding="utf-8")
    rabbitmq = {"image": {"tag": "4.3-management"}}
    for values, image in (
        ({}, f"docker.io/library/rabbitmq:4.3@{SHA}"),
        ({"rabbitmq": rabbitmq}, "docker.io/library/rabbitmq:4.3-management"),
        ({"global": {"imageRegistry": "r.example"}}, "r.example/library/rabbitmq:4.3"),
    ):
        found = of(helm, chart, **values)
        (use,) = [use for use in found.uses if "rabbitmq" in use.image.path]
        assert str(use.image) == image
        assert [section.key for section in found.named(use.image)] == ["rabbitmq"]
