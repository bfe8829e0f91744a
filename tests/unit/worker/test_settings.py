"""The worker's settings from config.json, and the defaults for missing keys."""

from urllib.parse import quote, unquote, urlsplit

import pytest

from fogflow_k8s.model.settings.config import Worker
from fogflow_k8s.worker.settings import parse_settings

BUDGET_S = 5

CONFIG = {
    "site_id": "001",
    "rabbitmq": {"host_ip": "mq"},
    "broker": {"host_ip": "broker"},
    "worker": {"app_namespace": "tasks"},
}


def test_the_default_capacity_is_the_charts():
    assert parse_settings(CONFIG).capacity == Worker().capacity == 100
    assert parse_settings({**CONFIG, "worker": {"app_namespace": "tasks", "capacity": 3}}).capacity == 3


@pytest.mark.parametrize("password", ["S3cret!/@%", "a:b?c#d e", "100%25", "plain"])
def test_a_password_that_is_percent_encoded_already_is_not_encoded_twice(password):
    bus = {"host_ip": "mq", "username": "fogflow", "password": quote(password, safe="")}
    parts = urlsplit(parse_settings({**CONFIG, "rabbitmq": bus}).bus_url)
    assert (parts.hostname, unquote(parts.password)) == ("mq", password)


def test_a_password_that_is_not_percent_encoded_makes_a_valid_url():
    parts = urlsplit(parse_settings({**CONFIG, "rabbitmq": {"host_ip": "mq", "password": "a/b@c"}}).bus_url)
    assert (parts.hostname, unquote(parts.password)) == ("mq", "a/b@c")
