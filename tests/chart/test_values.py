"""values.yaml, its schema and the model are one thing; and the schema is closed at every level."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from fogflow_k8s.adapters.settings.render import render_values
from fogflow_k8s.model.components import COMPONENTS
from fogflow_k8s.model.settings.base import difference
from fogflow_k8s.model.settings.config import FogflowConfig
from fogflow_k8s.model.settings.config_upstream import adopt
from fogflow_k8s.model.settings.values import Values, defaults
from tests.chart.conftest import CHART, EXAMPLES, ROOT
from tests.scope import examples
from tests.strategies import settings

VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))


def test_values_yaml_and_the_model_have_the_same_keys_and_defaults():
    assert difference(defaults(), VALUES) == {}, "in values.yaml, not so in the model"
    assert difference(VALUES, defaults()) == {}, "in the model, not so in values.yaml"


def test_every_object_of_the_schema_is_closed_or_a_free_map_on_purpose():
    free = {
        "affinity",
        "tolerations",
        "topologySpreadConstraints",
        "nodeSelector",
        "annotations",
        "podAnnotations",
        "podLabels",
        "extraEgress",
        "hard",
        "requests",
        "limits",
    }

    def walk(node: Any, key: str) -> None:
        if isinstance(node, dict):
            if node.get("type") == "object" and node.get("additionalProperties") is not False:
                assert key in free, f"{key} takes any key"
            for name, value in node.items():
                walk(value, key if name in {"items", "anyOf", "allOf"} else name)
        elif isinstance(node, list):
            for value in node:
                walk(value, key)

    walk(SCHEMA, "")


def test_every_property_of_the_schema_has_a_description():
    for name, model in {"Values": SCHEMA, **SCHEMA["definitions"]}.items():
        assert model.get("description"), name
        for key, node in model["properties"].items():
            assert node.keys() & {"description", "$ref"}, f"{name}.{key}"


def _levels(node: dict[str, Any], path: str = "") -> list[str]:
    inner = [
        level
        for key, value in node.items()
        if isinstance(value, dict) and value
        for level in _levels(value, f"{path}{key}.")
    ]
    return [path, *inner]


FREE = ("requests.", "limits.", "hard.")  # names of resources


@pytest.mark.parametrize("level", [each for each in _levels(VALUES) if not each.endswith(FREE)])
def test_an_unknown_key_is_refused_at_every_level(level):
    document: dict[str, Any] = {"nonsense": 1}
    for part in reversed(level.split(".")[:-1]):
        document = {part: document}
    assert list(jsonschema.Draft7Validator(SCHEMA).iter_errors(document)), "by the schema"
    with pytest.raises(ValueError, match="Extra inputs"):
        Values.model_validate(document)


def test_helm_refuses_an_unknown_key_and_names_it(helm_template):
    done = helm_template("--set", "broker.image.tgo=1")
    assert done.returncode != 0
    assert "tgo" in done.stderr


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_valid_for_the_model(path):
    Values.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_the_example_config_is_valid_and_upstream_like():
    data = json.loads((ROOT / "examples/config.json").read_text(encoding="utf-8"))
    assert "external_ip" in data
    FogflowConfig.model_validate(adopt(data).values["config"])


def test_every_chart_default_agrees_with_the_table_of_components(every_render):
    """Names, Service ports, readiness paths, and who is there once."""
    from tests.chart.shapes import of_kind

    manifests = every_render["everything"]
    deployments, services = of_kind(manifests, "Deployment"), of_kind(manifests, "Service")
    for component in COMPONENTS:
        deployment = deployments[component.name]
        assert component.key in VALUES
        assert VALUES[component.key].get("enabled", True) == component.enabled
        ports = {
            port["name"]: port["port"]
            for port in services.get(component.name, {"spec": {"ports": []}})["spec"]["ports"]
        }
        assert ports == component.ports, component.name
        if component.singleton:
            assert deployment["spec"]["replicas"] == 1
            assert deployment["spec"]["strategy"] == {"type": "Recreate"}
        probe = deployment["spec"]["template"]["spec"]["containers"][0].get("readinessProbe", {})
        assert probe.get("httpGet", {}).get("path", "") == component.health, component.name
    assert deployments.keys() == {each.name for each in COMPONENTS}
    assert services.keys() == {each.name for each in COMPONENTS if each.ports} | {"designer-starting"}


@pytest.fixture(scope="module")
def echo(helm, tmp_path_factory):
    """Values as helm reads them out of a file, through a chart that only says what it was given."""
    chart = tmp_path_factory.mktemp("echo")
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: echo\nversion: 1.0.0\n", encoding="utf-8")
    (chart / "templates").mkdir()
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: echo}\ndata: {values: {{ .Values | toJson | b64enc }}}\n"
    )
    (chart / "templates/echo.yaml").write_text(template, encoding="utf-8")

    def read(text: str) -> Any:
        argv = [helm, "template", "echo", str(chart), "--values", "-"]
        done = subprocess.run(argv, input=text.encode(), capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(base64.b64decode(yaml.safe_load(done.stdout)["data"]["values"]))

    return read


def _plain(node: Any) -> Any:
    """Without nulls and what helm makes of them, and without the empty `global` that helm adds."""
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items() if value is not None}
    return node


@given(data=settings())
@hypothesis_settings(max_examples=examples(60, 300), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_settings_survive_the_way_through_the_file_and_helm(echo, data):
    values = Values.model_validate(data)
    text = render_values(values)
    said = values.model_dump(mode="json", by_alias=True, exclude_unset=True)
    heard = echo(text)
    if "global" not in said:
        heard.pop("global", None)
    assert _plain(heard) == _plain(said)
    assert Values.model_validate(yaml.safe_load(text) or {}) == values
    jsonschema.Draft7Validator(SCHEMA).validate(said)
