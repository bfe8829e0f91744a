"""What must never be shown."""

import pytest

from fogflow_k8s.model.redact import redact


@pytest.mark.parametrize(
    "text",
    [
        "amqp://fogflow:hunter22@rabbitmq:5672/",
        'password: "hunter22"',
        "PASSWORD=hunter22",
        '{"token": "hunter22"}',
        "Authorization: Bearer hunter22",
    ],
)
def test_secrets_are_masked(text):
    assert "hunter22" not in redact(text)


def test_other_text_is_left_alone():
    text = "GET http://nginx/index.html 200; passwords are fine"
    assert redact(text) == text
