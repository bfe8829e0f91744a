"""What Artifact Hub reads from the charts: valid annotations, and the images that the default values use."""

from __future__ import annotations

import pytest
import yaml

from tests.chart.renders import CHART, ROOT
from tests.chart.shapes import containers, pods
from tests.chart.test_edge import EDGE, VALUES

BUDGET_S = 10
ANNOTATIONS = {f"artifacthub.io/{name}" for name in ("category", "images", "license", "links")}


@pytest.mark.parametrize("chart", ["fogflow-chart", "fogflow-edge-chart"])
def test_the_annotations_are_text_and_lists_have_names(chart):
    metadata = yaml.safe_load((ROOT / "charts" / chart / "Chart.yaml").read_text(encoding="utf-8"))
    annotations = metadata["annotations"]
    assert annotations.keys() == ANNOTATIONS
    assert all(isinstance(value, str) for value in annotations.values()), "the type that Helm requires"
    for key, field in (("images", "image"), ("links", "url")):
        for entry in yaml.safe_load(annotations[f"artifacthub.io/{key}"]):
            assert entry.keys() == {"name", field}


def test_the_images_listed_are_those_of_the_default_values(render, tmp_path):
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(VALUES), encoding="utf-8")
    for chart, arguments in ((CHART, ()), (EDGE, ("--values", str(values)))):
        metadata = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
        listed = {each["image"] for each in yaml.safe_load(metadata["annotations"]["artifacthub.io/images"])}
        used = {one["image"] for _, pod in pods(render(*arguments, chart=chart)) for one in containers(pod)}
        assert used == listed
