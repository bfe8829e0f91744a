"""What a user reads: why values are refused, and the notes after an installation."""

from __future__ import annotations

import pytest

from fogflow_k8s import __version__
from tests.chart.shapes import ACCEPTED, OURS, SEVERAL


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ("namespace=other", "--namespace other"),
        ("expose.type=externalIPs", "externalIPs={"),
        ("expose.type=gateway", "expose.gateway.name"),
        ("rabbitmq.external.host=mq", "rabbitmq.auth.existingSecret"),
        ("config.discovery.http_port=8070", "must differ"),
        ("config.worker.detection_duration=1", "must exceed 12"),
        ("rabbitmq.auth.username=guest", "must not be guest"),
        (f"broker.shards=2,{ACCEPTED},configJson.hostPath.path=/x", "need one each"),
        ("worker.replicas=2,configJson.hostPath.path=/x", "need one each"),
        ("worker.implementation=native,configJson.hostPath.path=/x", "use config, or worker.implementation upstream"),
        ("worker.implementation=ours", "native"),
        ("broker.shards=2", "--set broker.acceptNotificationLoops=true"),
        ("broker.shards=2", "Allowed: --set broker.shards=1"),
        ("broker.shards=17", "maximum"),
        ("worker.replicas=0", "minimum"),
        ("externalIPs={192.0.2.10.5}", "'/externalIPs/0': '192.0.2.10.5' is not valid ipv4"),
        ("externalIPs={192.0.2.1,192.0.2.256}", "'/externalIPs/1': '192.0.2.256' is not valid ipv4"),
        ("externalIPs={2001:db8:::1}", "'/externalIPs/0': '2001:db8:::1' is not valid ipv6"),
        ("Service.spec.externalIPs={192.0.2}", "'192.0.2' is not valid ipv4"),
        ("expose.edge.type=externalIPs,expose.edge.externalIPs={node}", "'node' is not valid ipv4"),
    ],
)
def test_what_cannot_work_is_refused_with_advice(helm_template, arguments, advice):
    done = helm_template("--set", arguments)
    assert done.returncode != 0
    assert advice in done.stderr


@pytest.mark.parametrize("address", ["192.0.2.10", "2001:db8::10", "::ffff:192.0.2.10"])
def test_every_spelling_of_an_address_is_accepted(helm_template, address):
    done = helm_template("--set", f"externalIPs={{{address}}}")
    assert done.returncode == 0, done.stderr


def test_the_namespace_may_be_named_if_it_is_the_releases(helm_template):
    assert helm_template("--set", "namespace=fogflow").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("broker.shards=1", ["All components except nginx run as one instance"]),
        (
            SEVERAL,
            ["3 brokers that share no data", "cloud-broker, cloud-broker-1, cloud-broker-2", "APPEND", "2 workers"],
        ),
        (f"broker.shards=2,{ACCEPTED}", ["the worker and all tasks use only the first", "worker.replicas=2"]),
        ("worker.replicas=2,keeper.enabled=false", ["a StatefulSet waits for that node", "all tasks start again"]),
        (
            f"{OURS},global.imagePullSecrets={{hub}}",
            [
                "tasks keep running while it is replaced",
                "removed with it",
                f"fogflow-k8s/worker:{__version__}",
                "images build --push",
                "hub",
                "tasks namespace",
            ],
        ),
    ],
)
def test_notes_say_what_several_are_good_for(renders, arguments, words):
    notes = renders.notes("--set", arguments)
    for each in words:
        assert each in notes


@pytest.mark.parametrize(
    "words",
    [
        "helm -n ns test x",
        "http://192.0.2.1/index.html",
        "get secret x-rabbitmq",
        "since Kubernetes 1.36",
        "without a login",
    ],
)
def test_notes_say_the_next_commands_and_warn(renders, words):
    assert words in renders.notes("--set", "externalIPs={192.0.2.1}")
