"""What RabbitMQ listens on and whom it lets in. That no guest is made of this was seen on RabbitMQ 3.10 and 4.3."""

from __future__ import annotations

import pytest

from tests.chart.shapes import of_kind

BUDGET_S = 30


def test_users_come_from_the_definitions_alone(render):
    """With load_definitions RabbitMQ makes no default user; a default_user here would bring one back."""
    data = of_kind(render(), "ConfigMap")["rabbitmq-config"]["data"]
    lines = [line for line in data["rabbitmq.conf"].splitlines() if not line.startswith("#")]
    conf = dict(line.split(" = ") for line in lines)
    assert conf["load_definitions"] == "/run/fogflow/definitions.json"
    assert not [key for key in conf if key.startswith(("default_", "loopback_users", "auth_", "anonymous"))]
    assert {key: port for key, port in conf.items() if "tcp" in key} == {
        "listeners.tcp.default": "5672",
        "prometheus.tcp.port": "15692",
    }
    assert data["enabled_plugins"].strip() == "[rabbitmq_prometheus].", "no management: no login over HTTP"


def test_erlangs_own_ports_are_the_pods_alone(render):
    container = of_kind(render(), "Deployment")["rabbitmq"]["spec"]["template"]["spec"]["containers"][0]
    env = {each["name"]: each.get("value") for each in container["env"]}
    assert env["ERL_EPMD_ADDRESS"] == "127.0.0.1"
    assert "-kernel inet_dist_use_interface {127,0,0,1}" in env["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"]
    assert env["RABBITMQ_NODENAME"] == "rabbit@localhost"
    assert {port["containerPort"] for port in container["ports"]} == {5672, 15692}


@pytest.mark.parametrize(
    "values", ["replicaCount=2", "rabbitmq.resources.limits.memory=2500M", "rabbitmq.resources.limits.memory=null"]
)
def test_the_memory_watermark_is_a_part_of_the_containers_own_limit(render, values):
    """Kubernetes hands the limit in as bytes, in whatever unit it was written; what has no limit has its node's memory."""
    found = render("--set", values)
    container = of_kind(found, "Deployment")["rabbitmq"]["spec"]["template"]["spec"]["containers"][0]
    names = [each["name"] for each in container["env"]]
    env = {each["name"]: each for each in container["env"]}
    limit = env["MEMORY_LIMIT"]["valueFrom"]["resourceFieldRef"]
    assert (limit["resource"], limit["containerName"], "divisor" in limit) == (
        "limits.memory",
        container["name"],
        False,
    )
    arguments = env["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"]["value"]
    assert "-rabbit total_memory_available_override_value $(MEMORY_LIMIT)" in arguments
    assert names.index("MEMORY_LIMIT") < names.index("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"), "or it is not replaced"
    assert (
        "vm_memory_high_watermark.relative = 0.6"
        in of_kind(found, "ConfigMap")["rabbitmq-config"]["data"]["rabbitmq.conf"]
    )
