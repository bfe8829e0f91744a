"""`deploy` with the settings of real installations of upstream's compose files comes to a FogFlow that works."""

import json

import pytest

from tests.config_files import REAL
from tests.documents import parse
from tests.real import deployed
from tests.real.conftest import released
from tests.scope import only_all

pytestmark = only_all
BUDGET_S = 300


@pytest.mark.parametrize("name", sorted(REAL))
def test_it_works_with_the_settings_of_a_real_installation(box, name, tmp_path):
    settings, _ = REAL[name]
    (tmp_path / "config.json").write_text(json.dumps(settings))
    namespace = f"config-{sorted(REAL).index(name)}"
    with released(box, namespace, "--config", tmp_path / "config.json") as fogflow:
        assert parse(box.tool("status", "-n", namespace, "-o", "json"))["state"] == "working"
        box.tool("verify", "-n", namespace)
        assert "html" in deployed.raw(fogflow.url("nginx", 80, "/index.html")).lower()
