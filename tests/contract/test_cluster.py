"""The Kubernetes adapter against a server that answers as real ones do on bad days."""

import pytest

from fogflow_k8s.adapters.kubernetes.client import Conflict, Gone, Invalid, KubeCluster, NotFound, path_of
from fogflow_k8s.adapters.kubernetes.http import retry_after_s
from fogflow_k8s.adapters.kubernetes.kubeconfig import KubeContext
from fogflow_k8s.errors import ClusterError
from tests.ports import free_port


def status(code, message="no"):
    return (code, {"kind": "Status", "message": message, "code": code})


def test_a_missing_object_is_none_and_a_missing_path_is_typed(stub, cluster):
    stub.script = [status(404), status(404)]
    assert cluster.get("Secret", "s", "n") is None
    with pytest.raises(NotFound):
        cluster.request("GET", "/nowhere")


@pytest.mark.parametrize(("code", "kind"), [(409, Conflict), (422, Invalid), (400, Invalid)])
def test_refused_writes_are_typed_and_not_tried_again(stub, cluster, code, kind):
    stub.script = [status(code, "because")]
    with pytest.raises(kind, match="because"):
        cluster.create({"kind": "Secret", "metadata": {"name": "s", "namespace": "n"}})
    assert len(stub.asked) == 1


def test_expired_credentials_and_missing_rights_are_told_apart(stub, cluster):
    stub.script = [status(401), status(403, 'secrets is forbidden: User "ann" cannot list')]
    with pytest.raises(ClusterError, match="does not accept the credentials"):
        cluster.list("Secret", "n")
    with pytest.raises(ClusterError, match="cannot list") as caught:
        cluster.list("Secret", "n")
    assert (caught.value.exit_code, caught.value.status) == (11, 403)


@pytest.mark.parametrize(
    "trouble", [[status(500)], [status(503)], ["cut"], [(429, {}, {"Retry-After": "0.01"})], ["cut", status(503)]]
)
def test_reads_are_tried_again(stub, cluster, trouble):
    stub.script = [*trouble, (200, {"items": [{"metadata": {"name": "a"}}]})]
    assert [o["metadata"]["name"] for o in cluster.list("Pod", "n")] == ["a"]


def test_a_write_whose_connection_broke_is_not_repeated(stub, cluster):
    stub.script = ["cut"]
    with pytest.raises(ClusterError, match="cannot be reached"):
        cluster.create({"kind": "Secret", "metadata": {"name": "s", "namespace": "n"}})
    assert len(stub.asked) == 1


def test_a_write_refused_with_429_is_repeated(stub, cluster):
    stub.script = [(429, {}, {"Retry-After": "0.01"}), (201, {"kind": "Secret"})]
    assert cluster.create({"kind": "Secret", "metadata": {"name": "s", "namespace": "n"}}) == {"kind": "Secret"}


def test_a_slow_server_ends_in_a_typed_error(stub, cluster):
    stub.script = [2.0]
    with pytest.raises(ClusterError, match="did not answer in time"):
        cluster.get("Pod", "p", "n")


def test_nobody_listening():
    with pytest.raises(ClusterError, match="cannot be reached") as caught:
        _ = KubeCluster(KubeContext("x", f"http://127.0.0.1:{free_port()}")).version
    assert "kubectl" in caught.value.hint


def test_a_list_follows_its_pages(stub, cluster):
    def page(name, token=""):
        return (200, {"items": [{"metadata": {"name": name}}], "metadata": {"continue": token}})

    stub.script = [page("a", "t1"), page("b")]
    assert [o["metadata"]["name"] for o in cluster.list("Pod", "n", "a=b")] == ["a", "b"]
    assert "labelSelector=a%3Db" in stub.asked[0].path
    assert stub.asked[0].headers["User-Agent"] == "fogflow-k8s"


def test_a_list_whose_pages_expire_is_read_at_once_and_not_for_ever(stub, cluster):
    first = (200, {"items": [{"metadata": {"name": "a"}}], "metadata": {"continue": "t"}})
    whole = (200, {"items": [{"metadata": {"name": name}} for name in "ab"]})
    stub.script = [first, status(410, "expired"), whole]
    assert [o["metadata"]["name"] for o in cluster.list("Pod", "n")] == ["a", "b"]
    assert ["limit" in asked.path for asked in stub.asked] == [True, True, False]
    stub.script = [first, *[status(410, "expired")] * 9]
    with pytest.raises(Gone, match="expired"):
        cluster.list("Pod", "n")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("2", 2.0),
        ("0.25", 0.25),
        ("9999", 5.0),
        ("-3", 0.0),
        ("nan", 0.5),
        ("soon", 0.5),
        ("", 0.5),
        ("Fri, 27 Nov 2026 10:00:03 GMT", 3.0),
        ("Fri, 27 Nov 2026 11:00:00 GMT", 5.0),
        ("Fri, 27 Nov 2026 09:00:00 GMT", 0.0),
    ],
)
def test_how_long_a_server_asks_to_wait_by_its_own_clock(said, seconds):
    assert retry_after_s({"Retry-After": said, "Date": "Fri, 27 Nov 2026 10:00:00 GMT"}) == seconds


def test_a_date_without_a_clock_to_compare_it_with():
    assert retry_after_s({"Retry-After": "Fri, 27 Nov 2026 10:00:03 GMT"}) == 0.5


def test_tables(stub, cluster):
    stub.script = [
        (200, {"kind": "Table", "columnDefinitions": [{"name": "Name"}], "rows": [{"cells": ["a"]}]}),
        (200, {"kind": "PodList"}),
    ]
    assert cluster.table("Pod", "n") == (["Name"], [["a"]])
    with pytest.raises(ClusterError, match="did not answer with a table"):
        cluster.table("Pod", "n")


def test_paths():
    assert path_of("Deployment", "n", "a") == "/apis/apps/v1/namespaces/n/deployments/a"
    assert path_of("Namespace", "ignored", "a") == "/api/v1/namespaces/a"
    assert path_of("Pod") == "/api/v1/pods"
