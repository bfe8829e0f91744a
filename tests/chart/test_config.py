"""The configuration that each program gets, its password, and what it waits for."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.chart.shapes import of_kind, pods


def _config(manifests: list[dict[str, Any]], component: str) -> dict[str, Any]:
    return json.loads(of_kind(manifests, "ConfigMap")[f"{component}-config"]["data"]["config.json"])


def test_each_component_gets_the_keys_that_it_needs(render):
    """The minimal set that was found by running the unmodified programs."""
    manifests = render()
    at = "{}.fogflow.svc.cluster.local".format
    base = {"site_id", "physical_location", "logging", "https"}
    discovery = _config(manifests, "discovery")
    assert discovery.keys() == base | {"my_hostip", "discovery", "broker"}
    assert (discovery["my_hostip"], discovery["broker"]) == (at("discovery"), {"heartbeat_interval": 5})
    broker = _config(manifests, "cloud-broker")
    assert broker["my_hostip"] == at("cloud-broker")
    assert broker["broker"] == {"http_port": 8070, "heartbeat_interval": 5}, (
        "host_ip here makes it call itself without end"
    )
    master = _config(manifests, "master")
    assert master.keys() == base | {"discovery", "broker", "designer", "master", "worker", "rabbitmq"}
    assert master["master"] == {"host_ip": at("master"), "ngsi_agent_port": 1060, "rest_api_port": 8010}
    assert master["worker"] == {"heartbeat_interval": 10, "detection_duration": 3}
    worker = _config(manifests, "cloud-worker")
    assert worker["worker"] == {
        "container_management": "kubernetes",
        "app_namespace": "fogflow-tasks",
        "capacity": 100,
        "start_actual_task": True,
        "heartbeat_interval": 10,
        "detection_duration": 3,
    }
    assert worker["broker"] == {"host_ip": at("cloud-broker"), "http_port": 8070}
    designer = _config(manifests, "designer")
    assert designer.keys() == base | {"designer", "broker", "discovery", "master", "rabbitmq"}
    assert designer["rabbitmq"]["port"] == "5672?frameMax=8192"
    assert master["rabbitmq"] == worker["rabbitmq"] == {"host_ip": at("rabbitmq"), "port": 5672, "username": "fogflow"}


def test_the_password_is_in_no_configmap_argument_or_variable(helm_template):
    password = "Sixteen_letters-and-more"
    text = helm_template("--set", f"rabbitmq.auth.password={password}").stdout
    assert password not in text
    assert "stringData" not in text


@pytest.mark.parametrize("password", ["S3cret!/@%", "mypass", "kJ8/+mPq2x@Zr7%Lw4=="])
def test_any_printable_password_is_in_the_secret_as_it_is(render, password):
    """The bootstrap container encodes it for the URL; RabbitMQ and the keeper take it as it is."""
    manifests = render("--set-string", f"rabbitmq.auth.password={password}")
    assert base64.b64decode(of_kind(manifests, "Secret")["fogflow-rabbitmq"]["data"]["password"]).decode() == password


def test_a_named_secret_is_used_and_none_is_made(render):
    manifests = render("--set", "rabbitmq.auth.existingSecret=mine")
    assert of_kind(manifests, "Secret").keys() == {"fogflow-keeper"}
    volumes = [v for _, pod in pods(manifests) for v in pod["spec"].get("volumes", []) if "secret" in v]
    needed = [volume for volume in volumes if not volume["secret"].get("optional")]
    assert {volume["secret"]["secretName"] for volume in needed} == {"mine"}
    assert len(needed) == 4
    assert [v["secret"]["secretName"] for v in volumes if v not in needed] == ["fogflow-edges"], (
        "of those who have edges"
    )


def test_the_worker_waits_for_the_masters_consumer_and_for_its_predecessor_to_go(render):
    bootstrap = of_kind(render(), "Deployment")["cloud-worker"]["spec"]["template"]["spec"]["initContainers"][0]
    assert "--consumed=master=Master.001" in bootstrap["args"]
    assert "--unconsumed=previous worker=Worker.001" in bootstrap["args"]


def test_an_external_rabbitmq_without_metrics_is_asked_less(render):
    arguments = "rabbitmq.external.host=mq.example.org,rabbitmq.auth.existingSecret=mine"
    manifests = render("--set", arguments)
    assert "rabbitmq" not in of_kind(manifests, "Deployment")
    bootstrap = of_kind(manifests, "Deployment")["cloud-worker"]["spec"]["template"]["spec"]["initContainers"][0]
    assert "--amqp=rabbitmq=mq.example.org:5672" in bootstrap["args"]
    assert not [argument for argument in bootstrap["args"] if "consumed" in argument]


def test_the_master_reaches_the_designer_before_it_is_ready_and_nobody_else_does(render):
    """It replays its intents the moment it is on the bus; such a Service leads to the pods of a lost node, too."""
    manifests = render()
    services = {n: s["spec"].get("publishNotReadyAddresses", False) for n, s in of_kind(manifests, "Service").items()}
    assert {name for name, early in services.items() if early} == {"designer-starting"}
    masters = json.loads(of_kind(manifests, "ConfigMap")["master-config"]["data"]["config.json"])
    assert masters["designer"]["host_ip"].startswith("designer-starting.")
