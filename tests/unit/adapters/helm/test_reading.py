"""A Helm that only reads is started again when its request broke on the way, and for no other reason."""

import pytest

from fogflow_k8s.adapters.helm.client import Helm, Target
from fogflow_k8s.adapters.helm.reading import TRIES, Reading
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
def test_a_request_that_broke_is_made_once_more(words):
    children = Children(failed(words), ended(0, "[]", ""))
    assert Reading(children.start).wait(5) == ended(0, "[]", "")
    assert children.started == 2


@pytest.mark.parametrize("words", BROKEN)
def test_not_without_end(words):
    children = Children(failed(words))
    assert Reading(children.start).wait(5) == failed(words)
    assert children.started == TRIES


@pytest.mark.parametrize("words", FOR_GOOD)
def test_what_another_try_does_not_change_is_told_at_once(words):
    children = Children(failed(words), ended(0, "", ""))
    assert Reading(children.start).wait(5) == failed(words)
    assert children.started == 1


def test_one_that_was_killed_or_still_runs_is_left():
    for result in (ended(-9, "", BROKEN[0]), None):
        children = Children(result)
        assert Reading(children.start).wait(5) == result
        assert children.started == 1


def test_a_look_at_one_that_broke_says_that_it_runs():
    children = Children(failed(BROKEN[0]), ended(0, "x", ""))
    reading = Reading(children.start)
    assert reading.poll() is None
    assert reading.poll() == ended(0, "x", "")


READS = {
    "history": lambda helm: helm.history(),
    "manifest": lambda helm: helm.manifest(),
    "values": lambda helm: helm.read_text(helm.start_values(1)),
    "status": lambda helm: helm.read_text(helm.start_status()),
    "identity": lambda helm: helm.read_identity(helm.start_identity("chart", "Namespace", "", "kube-system")),
    "rehearsal": lambda helm: helm.read_rehearsal(helm.start_rehearsal("chart", {})),
}


@pytest.mark.parametrize("read", READS)
def test_every_read_is_repeated(read):
    children = Children(failed(BROKEN[0]))
    with pytest.raises(ClusterError):
        READS[read](Helm(children, Target("fogflow", "n"), version="v4.3.1"))
    assert children.started == TRIES


@pytest.mark.parametrize(
    "change",
    [
        lambda helm: helm.start_upgrade("chart", {}, timeout_s=5),
        lambda helm: helm.start_rollback(1, timeout_s=5),
        lambda helm: helm.start_uninstall(timeout_s=5),
    ],
)
def test_nothing_is_repeated_that_changes_the_cluster(change):
    children = Children(failed(BROKEN[0]))
    helm = Helm(children, Target("fogflow", "n"), version="v4.3.1")
    with pytest.raises(FogflowError):
        helm.check(change(helm).wait(5))
    assert children.started == 1
