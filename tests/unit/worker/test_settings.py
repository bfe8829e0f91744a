"""What the worker reads from config.json, and what it takes where a key is missing."""

from fogflow_k8s.model.config import Worker
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
