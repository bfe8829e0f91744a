"""config.json of every generation of FogFlow: ignored, moved and replaced keys, and the notes about them."""

from __future__ import annotations

import json

import pytest

from fogflow_k8s.model.settings.config import FogflowConfig
from fogflow_k8s.model.settings.config_keys import MOVED, RENAMED, REPLACED, UNUSED, advice, meaning
from fogflow_k8s.model.settings.config_upstream import adopt, adopt_values

BUDGET_S = 5


def said(data):
    """The notes as one text, each with its key."""
    return "\n".join(f"{'.'.join(note.path)}: {note.text}" for note in adopt(data).notes)


def nested(path, value):
    """A config.json with one value."""
    for key in reversed(path):
        value = {key: value}
    return value


def test_a_config_of_upstream_is_taken_over():
    adopted = adopt(
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
    assert adopted.values == {
        "config": {
            "my_hostip": "10.0.0.1",
            "discovery": {"http_port": 8090},
            "designer": {"webSrvPort": 8080},
            "https": {"enabled": False},
        },
        "rabbitmq": {"auth": {"username": "admin", "password": "x"}},
    }
    assert [note.path for note in adopted.notes] == [()], "one line for all that has no effect"
    assert "$schema" not in adopted.notes[0].text
    assert "rabbitmq.port" not in adopted.notes[0].text, "it is the chart's own"


@pytest.mark.parametrize("path", UNUSED, ids=".".join)
def test_each_key_without_effect_is_ignored_with_a_line_and_explained(path):
    for value in (1, "x", {"a": {"b": 1}}, None, [], False):
        adopted = adopt(nested(path, value))
        assert FogflowConfig.model_validate(adopted.values["config"]) == FogflowConfig()
        assert f"ignored: {'.'.join(path)}" in adopted.notes[0].text
    assert meaning(path)[0] == UNUSED[path].meaning
    assert advice(path).startswith("not used here: remove it")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("my_ip",), "192.0.2.1"),
        (("internal_ip",), "192.0.2.1"),
        (("location",), {"longitude": 1.0, "latitude": 2.0}),
        (("discovery", "port"), 8091),
        (("broker", "port"), 8071),
        (("ngsi_agent_port",), 1061),
        (("my_capacity", "tasks"), 10),
    ],
)
def test_a_key_of_an_older_generation_is_read_as_its_successor(path, value):
    adopted = adopt(nested(path, value))
    successor = RENAMED[path]
    assert adopted.values == nested(successor, value)
    assert adopted.places == {successor: path}
    assert said(nested(path, value)) == f"{'.'.join(path)}: older name of {'.'.join(successor[1:])}, and read as that"
    FogflowConfig.model_validate(adopted.values["config"])


def test_the_successor_wins_when_both_are_given():
    data = {"my_ip": "192.0.2.1", "coreservice_ip": "192.0.2.2"}
    assert adopt(data).values["config"] == {"coreservice_ip": "192.0.2.2"}
    assert said(data) == "my_ip: ignored: older name of coreservice_ip, which is given"


@pytest.mark.parametrize(("path", "known"), REPLACED.items(), ids=str)
def test_a_value_that_is_impossible_on_kubernetes_gets_a_note_about_its_replacement(path, known):
    for value in known.values:
        adopted = adopt(nested(path, value))
        assert adopted.values == {"config": {}}
        assert f"is read as {known.by}: {known.reason}" in adopted.notes[0].text
    other = nested(path, "podman")
    assert adopt(other).values == {"config": other}, "for the model to refuse"


@pytest.mark.parametrize(
    ("url", "auth"),
    [
        ("amqp://admin:mypass@192.0.2.10:5672/", {"username": "admin", "password": "mypass"}),
        ("amqp://admin:p%2Fs%40s@mq/", {"username": "admin", "password": "p/s@s"}),
        ("amqp://admin@mq", {"username": "admin"}),
        ("amqp://guest:long-enough-password@mq", {"password": "long-enough-password"}),
        ("amqp://mq:5672/", None),
    ],
)
def test_the_login_of_a_message_bus(url, auth):
    data = {"message_bus": url}
    adopted = adopt(data)
    assert adopted.values == {"config": {}, **({"rabbitmq": {"auth": auth}} if auth else {})}
    assert "the chart's RabbitMQ is used" in said(data)
    assert "mypass" not in said(data)


@pytest.mark.parametrize("url", ["amqp://admin:pass/word@mq", "http://mq", "mq:5672", "amqp://[", "", 5, None])
def test_an_invalid_message_bus_is_kept_for_the_model_to_refuse(url):
    assert adopt({"message_bus": url}).values == {"config": {"message_bus": url}}


def test_a_registry_becomes_the_commands_that_make_a_pull_secret():
    registry = {"username": "me; rm", "password": "S3cret!", "email": "me@example.org", "serveraddress": "reg.example"}
    data = {"worker": {"registry": registry, "app_namespace": "apps"}}
    assert adopt(data).values == {"config": {"worker": {"app_namespace": "apps"}}}
    text = said(data)
    assert "docker login --username 'me; rm' reg.example && kubectl -n apps create secret docker-registry" in text
    assert "patch serviceaccount default" in text
    assert "S3cret" not in text
    assert "S3cret" not in json.dumps(adopt(data).values)
    assert not adopt({"worker": {"registry": {}}}).notes


@pytest.mark.parametrize(
    ("data", "config"),
    [
        ({"designer": {"webSrvPort": 80}}, {"designer": {"webSrvPort": 8080}}),
        ({"discovery": {"port": 443}}, {"discovery": {"http_port": 8090}}),
        ({"broker": {"port": 8080}}, {"broker": {"http_port": 8070}}),
        (
            {"broker": {"http_port": 8080}, "designer": {"webSrvPort": 80}},
            {"broker": {"http_port": 8080}, "designer": {"webSrvPort": 8081}},
        ),
    ],
)
def test_a_port_that_a_container_cannot_have_is_replaced_by_one_that_is_free(data, config):
    adopted = adopt(data)
    assert adopted.values["config"] == config
    assert "used inside the cluster" in said(data)
    FogflowConfig.model_validate(config)


@pytest.mark.parametrize(("given", "read"), [("edge-7", "edge7"), ("a.b_c", "abc")])
def test_a_site_id_keeps_its_letters_and_digits(given, read):
    assert adopt({"site_id": given}).values["config"] == {"site_id": read}
    assert f"site_id: only letters and digits here: read as {read}" in said({"site_id": given})


@pytest.mark.parametrize(
    "data", [{"worker": 5}, {"broker": None}, {"rabbitmq": [1]}, {"site_id": 7}, {"nonsense": {"a": 1}}]
)
def test_other_keys_are_kept_for_the_model_to_refuse(data):
    adopted = adopt(data)
    assert (adopted.values, adopted.notes) == ({"config": data}, ())


def test_the_given_data_is_not_changed():
    data = {"worker": {"container_autoremove": True}, "rabbitmq": {"password": "x"}}
    before = json.dumps(data)
    adopt(data)
    assert json.dumps(data) == before


def test_probes_of_a_values_yaml_of_upstream_are_ignored():
    kept, notes = adopt_values({"readinessProbe": {"periodSeconds": 1}, "replicaCount": 1})
    assert kept == {"replicaCount": 1}
    assert "ignored: readinessProbe (" in notes[0].text
    assert adopt_values(kept) == (kept, ())


def test_advice_names_the_place_of_each_key_that_has_one():
    assert all(".".join(to) in advice(path) for path, to in {**RENAMED, **MOVED}.items())
    assert advice(("worker", "capacity")) == advice(("nonsense",)) == ""
