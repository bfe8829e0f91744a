"""What the worker reads from config.json, and what it takes where a key is missing."""

from urllib.parse import quote, unquote, urlsplit

import pytest

from fogflow_k8s.model.settings.config import Worker
from fogflow_k8s.worker.settings import settings

BUDGET_S = 5

CONFIG = {
    "site_id": "001",
    "rabbitmq": {"host_ip": "mq"},
    "broker": {"host_ip": "broker"},
    "worker": {"app_namespace": "tasks"},
}


def test_without_a_capacity_it_has_the_charts():
    assert settings(CONFIG).capacity == Worker().capacity == 100
    assert settings({**CONFIG, "worker": {"app_namespace": "tasks", "capacity": 3}}).capacity == 3


@pytest.mark.parametrize("password", ["S3cret!/@%", "a:b?c#d e", "100%25", "plain"])
def test_a_password_that_is_percent_encoded_for_fogflows_programs_is_not_encoded_twice(password):
    bus = {"host_ip": "mq", "username": "fogflow", "password": quote(password, safe="")}
    parts = urlsplit(settings({**CONFIG, "rabbitmq": bus}).bus_url)
    assert (parts.hostname, unquote(parts.password)) == ("mq", password)


def test_one_that_somebody_wrote_as_it_is_still_makes_a_url():
    parts = urlsplit(settings({**CONFIG, "rabbitmq": {"host_ip": "mq", "password": "a/b@c"}}).bus_url)
    assert (parts.hostname, unquote(parts.password)) == ("mq", "a/b@c")
