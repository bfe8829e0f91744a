"""Logins and queues of the AMQP client, against a scripted RabbitMQ; tests/real/test_edge.py uses a real one."""

import pytest

from fogflow_k8s.adapters.fogflow.amqp import AmqpError, LoginRefused, Session
from tests.clouds import PASSWORD, Cloud, Rabbit

BUDGET_S = 10


@pytest.fixture
def cloud():
    it = Cloud()
    yield it
    it.close()


def log_in(rabbit, password=PASSWORD, timeout_s=5):
    return Session("127.0.0.1", rabbit.port, "edge-002", password, timeout_s=timeout_s)


def test_consumers_of_several_queues_over_one_login(cloud):
    cloud.queues = {"Worker.002": 1, "empty": 0}
    with log_in(cloud.rabbitmq) as session:
        assert [session.consumers(queue) for queue in ("Worker.002", "absent", "empty", "Worker.002")] == [
            1,
            None,
            0,
            1,
        ]
    assert len(cloud.rabbitmq.heard) == 1


def test_a_count_creates_no_queue_and_a_claim_creates_it_once(cloud):
    cloud.queues = {"made by another version, without a limit": 0}
    with log_in(cloud.rabbitmq) as session:
        assert session.consumers("mark") is None
        assert [session.claim("mark"), session.claim("mark")] == [True, False]
        assert not session.claim("made by another version, without a limit")
        assert session.consumers("mark") == 0
    with log_in(cloud.rabbitmq) as other:
        assert not other.claim("mark")


def test_a_forbidden_claim_is_an_error_and_not_a_lost_claim(cloud):
    with log_in(cloud.rabbitmq) as session, pytest.raises(AmqpError, match="ACCESS_REFUSED"):
        session.claim("forbidden")


def test_a_forbidden_queue_is_reported_and_the_session_continues(cloud):
    with log_in(cloud.rabbitmq) as session:
        with pytest.raises(AmqpError, match="ACCESS_REFUSED"):
            session.consumers("forbidden")
        assert session.consumers("absent") is None


@pytest.mark.parametrize("how", ["", "rude"], ids=["told", "hung up on"])
def test_a_refused_login(cloud, how):
    cloud.rabbitmq.how = how
    with pytest.raises(LoginRefused):
        log_in(cloud.rabbitmq, "another password")


def test_the_client_announces_the_capability_for_a_refusal_with_a_reason(cloud):
    with log_in(cloud.rabbitmq):
        pass
    assert b"authentication_failure_close" in cloud.rabbitmq.heard[0]


def test_a_server_of_another_protocol_is_not_a_refused_login(cloud):
    cloud.rabbitmq.how = "stranger"
    with pytest.raises(AmqpError, match="does not speak AMQP") as caught:
        log_in(cloud.rabbitmq)
    assert not isinstance(caught.value, LoginRefused)


def test_a_silent_server_times_out(cloud):
    cloud.rabbitmq.how = "silent"
    with pytest.raises(TimeoutError):
        log_in(cloud.rabbitmq, timeout_s=0.2)


def test_a_closed_port(cloud):
    gone = Rabbit(cloud)
    gone.close()
    with pytest.raises(ConnectionRefusedError):
        log_in(gone)
