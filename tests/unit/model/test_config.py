"""config.json: upstream's keys and aliases, and our rules."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fogflow_k8s.model.config import FogflowConfig, adopt


def test_external_hostip_is_coreservice_ip_unless_said():
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
        ({"nonsense": 1}, "Extra inputs"),
        ({"broker": {"host_ip": "x"}}, "Extra inputs"),
    ],
)
def test_what_is_refused(data, says):
    with pytest.raises(ValidationError, match=says):
        FogflowConfig.model_validate(data)


def test_a_config_of_upstream_is_taken_over():
    values = adopt(
        {
            "$schema": "x",
            "my_hostip": "10.0.0.1",
            "discovery": {"http_port": 8090, "https_port": 443},
            "designer": {"webSrvPort": 8080, "ldAgentPort": 1090},
            "rabbitmq": {"port": 5672, "username": "admin", "password": "x"},
            "prometheus": {"address": "x"},
            "persistent_storage": {"port": 9082},
            "https": {"enabled": False, "my_certificate": "x"},
        }
    )
    assert values == {
        "config": {
            "my_hostip": "10.0.0.1",
            "discovery": {"http_port": 8090},
            "designer": {"webSrvPort": 8080},
            "https": {"enabled": False},
        },
        "rabbitmq": {"auth": {"username": "admin", "password": "x"}},
    }


def test_what_is_refused_stays_for_the_message():
    values = adopt({"rabbitmq": {"host_ip": "x", "port": 5673}, "broker": {"host_ip": "y"}})
    assert values["config"] == {"rabbitmq": {"host_ip": "x", "port": 5673}, "broker": {"host_ip": "y"}}
