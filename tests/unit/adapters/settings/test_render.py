"""config.json and values.yaml: parsed back unchanged, reproducible, and safe for every YAML reader."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fogflow_k8s.adapters.assets import asset
from fogflow_k8s.adapters.settings.load import load_document
from fogflow_k8s.adapters.settings.render import as_yaml, render_config, render_values, yaml_key
from fogflow_k8s.errors import FogflowError
from fogflow_k8s.model.settings.config import FogflowConfig
from fogflow_k8s.model.settings.config_upstream import adopt
from fogflow_k8s.model.settings.values import Values
from tests.scope import examples
from tests.strategies import TRICKY, configs, settings, text

BUDGET_S = 10


@given(data=configs())
def test_config_json_equals_the_model(data):
    config = FogflowConfig.model_validate(data)
    rendered = render_config(config)
    assert FogflowConfig.model_validate(adopt(json.loads(rendered)).values["config"]) == config
    assert render_config(config) == rendered
    jsonschema.Draft7Validator(json.loads(asset("templates/config.schema.json").read_text())).validate(
        json.loads(rendered)
    )


def test_values_yaml_starts_with_the_schema_for_editors():
    rendered = render_values(Values.model_validate({"replicaCount": 3}))
    assert rendered.splitlines()[0] == "# yaml-language-server: $schema=values.schema.json"
    assert rendered.endswith("\nreplicaCount: 3\n")


def test_default_values_give_an_empty_file():
    assert yaml.safe_load(render_values(Values())) is None


@pytest.mark.parametrize("value", TRICKY)
def test_text_stays_text(value):
    rendered = f"key:{as_yaml({value: value, 'list': [value, {value: [value]}]}, 1)}\n"
    assert yaml.safe_load(rendered) == {"key": {value: value, "list": [value, {value: [value]}]}}
    assert rendered.isprintable() or "\n" in rendered


@given(data=st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(text, each, max_size=3),
))  # fmt: skip
def test_any_tree_is_read_back_unchanged(data):
    read = yaml.safe_load(f"key:{as_yaml(data, 1)}\n")["key"]
    assert read == data
    assert json.dumps(read) == json.dumps(data), "types too"


@given(data=settings())
@hypothesis_settings(max_examples=examples(50))
def test_a_rendered_file_loads_as_the_same_settings(tmp_path_factory, data):
    values = Values.model_validate(data)
    path = tmp_path_factory.getbasetemp() / "rendered.yaml"
    path.write_text(render_values(values), encoding="utf-8")
    if data:
        again = Values.model_validate(load_document(path).data)
        assert again == values
        assert render_values(again) == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("key", ["y", "on", "yes", "null", "1", "1e3", "a.b/c", "", "NaN", "0x10", "off"])
def test_ambiguous_keys_are_quoted(key):
    assert yaml_key(key) == json.dumps(key)


def test_usual_keys_are_not_quoted():
    assert yaml_key("replicaCount") == "replicaCount"


def test_an_absent_asset_is_an_error():
    with pytest.raises(FogflowError, match="has no charts/none"):
        asset("charts/none")
    assert (asset("charts/fogflow-chart") / "Chart.yaml").is_file()
