"""A helm command that only reads is repeated when its request broke, and for no other reason."""

import pytest

from fogflow_k8s.adapters.helm.client import Helm, Target
from fogflow_k8s.adapters.helm.retry import MAX_TRIES, RetryingChild
from fogflow_k8s.adapters.process import Completed
from fogflow_k8s.errors import ClusterError, FogflowError

BUDGET_S = 5
URL = 'Get "https://192.0.2.1:6443/apis?timeout=32s"'
BROKEN = [
    f"Error: {URL}: net/http: TLS handshake timeout",
    f"Error: Kubernetes cluster unreachable: {URL}: net/http: TLS handshake timeout",
    f"Error: {URL}: read tcp 10.0.0.1:5->192.0.2.1:6443: read: connection reset by peer",
    f"Error: {URL}: dial tcp 192.0.2.1:6443: i/o timeout",
    f"Error: {URL}: EOF",
    f"Error: {URL}: unexpected EOF",
    f"Error: {URL}: http2: client connection lost",
    f"Error: {URL}: context deadline exceeded",
]
FOR_GOOD = [
    f"Error: {URL}: dial tcp 192.0.2.1:6443: connect: connection refused",
    f"Error: {URL}: dial tcp: lookup api.example: no such host",
    f"Error: {URL}: tls: failed to verify certificate: x509: certificate signed by unknown authority",
    "Error: Kubernetes cluster unreachable: the server has asked for the client to provide credentials",
    "Error: release: not found",
    'Error: Internal error occurred: failed calling webhook "x.example.io": failed to call webhook: Post "https://x.y.svc:443/": EOF',
    "Error: no such chart: EOF",
    "",
]


class Children:
    """Children that end with these results, one after the other; the last one for ever."""

    def __init__(self, *results):
        self.results, self.started = list(results), 0

    def start(self, *_, **__):
        result = self.results[min(self.started, len(self.results) - 1)]
        self.started += 1
        return Child(result)


class Child:
    def __init__(self, result):
        self.result, self.killed = result, False

    def poll(self):
        return self.result

    def wait(self, _):
        return self.result

    def stop(self):
        return self.result

    def kill(self):
        self.killed = True


def ended(code, out, err):
    return Completed(("helm",), code, out, err, 0.1)


def failed(words):
    return ended(1, "", words)


@pytest.mark.parametrize("words", BROKEN)
def test_a_broken_request_is_repeated(words):
    children = Children(failed(words), ended(0, "[]", ""))
    assert RetryingChild(children.start).wait(5) == ended(0, "[]", "")
    assert children.started == 2


@pytest.mark.parametrize("words", BROKEN)
def test_the_number_of_tries_is_limited(words):
    children = Children(failed(words))
    assert RetryingChild(children.start).wait(5) == failed(words)
    assert children.started == MAX_TRIES


@pytest.mark.parametrize("words", FOR_GOOD)
def test_a_permanent_failure_is_not_repeated(words):
    children = Children(failed(words), ended(0, "", ""))
    assert RetryingChild(children.start).wait(5) == failed(words)
    assert children.started == 1


def test_a_killed_or_running_child_is_not_repeated():
    for result in (ended(-9, "", BROKEN[0]), None):
        children = Children(result)
        assert RetryingChild(children.start).wait(5) == result
        assert children.started == 1


def test_poll_of_a_repeated_child_reports_that_it_runs():
    children = Children(failed(BROKEN[0]), ended(0, "x", ""))
    reading = RetryingChild(children.start)
    assert reading.poll() is None
    assert reading.poll() == ended(0, "x", "")


READS = {
    "history": lambda helm: helm.history(),
    "manifest": lambda helm: helm.manifest(),
    "values": lambda helm: helm.read_text(helm.start_values(1)),
    "status": lambda helm: helm.read_text(helm.start_status()),
    "identity": lambda helm: helm.read_uid(helm.start_uid_lookup("chart", "Namespace", "", "kube-system")),
    "rehearsal": lambda helm: helm.read_dry_run(helm.start_dry_run("chart", {})),
}


@pytest.mark.parametrize("read", READS)
def test_every_reading_command_is_repeated(read):
    children = Children(failed(BROKEN[0]))
    with pytest.raises(ClusterError):
        READS[read](Helm(children, Target("fogflow", "n"), version="v4.3.1"))
    assert children.started == MAX_TRIES


@pytest.mark.parametrize(
    "change",
    [
        lambda helm: helm.start_upgrade("chart", {}, timeout_s=5),
        lambda helm: helm.start_rollback(1, timeout_s=5),
        lambda helm: helm.start_uninstall(timeout_s=5),
    ],
)
def test_no_changing_command_is_repeated(change):
    children = Children(failed(BROKEN[0]))
    helm = Helm(children, Target("fogflow", "n"), version="v4.3.1")
    with pytest.raises(FogflowError):
        helm.require_success(change(helm).wait(5))
    assert children.started == 1
