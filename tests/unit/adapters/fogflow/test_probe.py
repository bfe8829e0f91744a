"""The reasons why a cloud is not reachable from an edge: short, and the same on every run."""

import pytest

from fogflow_k8s.adapters.fogflow.probe import Unreachable, get
from tests.clouds import Cloud, Rabbit


@pytest.fixture
def cloud():
    it = Cloud()
    yield it
    it.close()


def test_the_content_and_the_servers_time(cloud):
    cloud.ahead_s = 3600
    near, far = get(f"http://127.0.0.1:{cloud.discovery.port}/ngsi9/broker", timeout_s=5), None
    cloud.ahead_s = 0
    far = get(f"http://127.0.0.1:{cloud.discovery.port}/ngsi9/broker", timeout_s=5)
    assert near.content == {"Broker.001": {"id": "Broker.001"}}
    assert 3500 < (near.date - far.date).total_seconds() < 3700


def test_reasons(cloud):
    cloud.rabbitmq.how = "silent"
    gone = Rabbit(cloud)
    gone.close()
    for port, reason in ((gone.port, "connection refused"), (cloud.rabbitmq.port, "no answer in time")):
        with pytest.raises(Unreachable, match=f"^{reason}$"):
            get(f"http://127.0.0.1:{port}/", timeout_s=0.3)
    with pytest.raises(Unreachable, match="its name does not resolve"):
        get("http://no-such-name.invalid/", timeout_s=5)
