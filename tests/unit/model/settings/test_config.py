"""config.json: upstream's keys and aliases, and the rules of this chart."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fogflow_k8s.model.settings.config import FogflowConfig

BUDGET_S = 5


def test_external_hostip_defaults_to_coreservice_ip():
    assert FogflowConfig.model_validate({"coreservice_ip": "192.0.2.1"}).external_hostip == "192.0.2.1"
    both = {"coreservice_ip": "192.0.2.1", "external_hostip": "192.0.2.2"}
    assert FogflowConfig.model_validate(both).external_hostip == "192.0.2.2"


def test_upstreams_real_keys_are_accepted():
    config = FogflowConfig.model_validate({"external_ip": "192.0.2.1", "my_hostip": "10.0.0.1"})
    assert (config.external_hostip, config.internal_hostip) == ("192.0.2.1", "10.0.0.1")
    assert "external_ip" not in config.model_dump()


def test_two_names_of_one_key_must_agree():
    FogflowConfig.model_validate({"external_ip": "192.0.2.1", "external_hostip": "192.0.2.1"})
    with pytest.raises(ValidationError, match="two names of one key"):
        FogflowConfig.model_validate({"external_ip": "192.0.2.1", "external_hostip": "192.0.2.2"})


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"site_id": "a-b"}, "match pattern"),
        ({"site_id": 1}, "valid string"),
        ({"physical_location": {"longitude": 181}}, "less than or equal to 180"),
        ({"physical_location": {"latitude": -91}}, "greater than or equal to -90"),
        ({"physical_location": {"latitude": float("nan")}}, "finite number"),
        ({"broker": {"http_port": 80}}, "greater than or equal to 1024"),
        ({"broker": {"http_port": 8090}}, "discovery.http_port and broker.http_port have the same port 8090"),
        ({"worker": {"container_management": "docker"}}, "kubernetes"),
        ({"worker": {"capacity": 0}}, "greater than or equal to 1"),
        ({"worker": {"heartbeat_interval": 4, "detection_duration": 3}}, "must exceed 12 s"),
        ({"https": {"enabled": True}}, "False"),
        ({"coreservice_ip": "127.0.0.1"}, "loopback"),
        ({"external_hostip": "fe80::1"}, "link-local"),
        ({"nonsense": 1}, "Extra inputs"),
        ({"broker": {"host_ip": "x"}}, "Extra inputs"),
    ],
)
def test_what_is_refused(data, says):
    with pytest.raises(ValidationError, match=says):
        FogflowConfig.model_validate(data)
