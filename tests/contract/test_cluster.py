"""The Kubernetes adapter against a server that answers as real ones do on bad days."""

import pytest

from fogflow_k8s.adapters.cluster import Conflict, Invalid, KubeCluster, NotFound, path_of
from fogflow_k8s.adapters.kubeconfig import Access, load
from fogflow_k8s.errors import ClusterError, UsageError
from tests.ports import free_port

from .conftest import configuration


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
    with pytest.raises(ClusterError, match="does not accept our credentials"):
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
    with pytest.raises(ClusterError, match="gave no answer in time"):
        cluster.get("Pod", "p", "n")


def test_nobody_listening():
    with pytest.raises(ClusterError, match="cannot be reached") as caught:
        _ = KubeCluster(Access("x", f"http://127.0.0.1:{free_port()}", configuration())).version
    assert "kubectl" in caught.value.hint


def test_a_list_follows_its_pages_and_starts_anew_when_they_expire(stub, cluster):
    def page(name, token=""):
        return (200, {"items": [{"metadata": {"name": name}}], "metadata": {"continue": token}})

    stub.script = [page("a", "t1"), status(410, "expired"), page("a", "t2"), page("b")]
    assert [o["metadata"]["name"] for o in cluster.list("Pod", "n", "a=b")] == ["a", "b"]
    assert "labelSelector=a%3Db" in stub.asked[0].path
    assert stub.asked[0].headers["User-Agent"] == "fogflow-k8s"


def test_tables(stub, cluster):
    stub.script = [
        (200, {"kind": "Table", "columnDefinitions": [{"name": "Name"}], "rows": [{"cells": ["a"]}]}),
        (200, {"kind": "PodList"}),
    ]
    assert cluster.table("Pod", "n") == (["Name"], [["a"]])
    with pytest.raises(ClusterError, match="does not print tables"):
        cluster.table("Pod", "n")


@pytest.mark.parametrize(
    ("key", "expected"),
    [({"BearerToken": "Bearer abc"}, "Bearer abc"), ({"authorization": "abc"}, "Bearer abc"), ({}, None)],
)
def test_tokens_of_every_client_release_are_sent(stub, key, expected):
    made = KubeCluster(Access("x", f"http://127.0.0.1:{stub.server_port}", configuration()))
    made._configuration.api_key = key
    made.get("Pod", "p", "n")
    made._pool.clear()
    assert stub.asked[0].headers.get("authorization") == expected


def test_paths():
    assert path_of("Deployment", "n", "a") == "/apis/apps/v1/namespaces/n/deployments/a"
    assert path_of("Namespace", "ignored", "a") == "/api/v1/namespaces/a"
    assert path_of("Pod") == "/api/v1/pods"


CONFIG = """{apiVersion: v1, kind: Config, current-context: a,
 clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}], users: [{name: u, user: {token: t}}],
 contexts: [{name: a, context: {cluster: c, user: u}}, {name: b, context: {cluster: c, user: u}}]}"""


def test_the_kubeconfig_of_kubectl_is_understood(tmp_path, monkeypatch):
    file = tmp_path / "config"
    file.write_text(CONFIG)
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/absent:{file}")
    access = load()
    assert (access.context, access.server) == ("a", "https://127.0.0.1:1")
    assert load(str(file), "b").context == "b"


@pytest.mark.parametrize(
    ("text", "context", "kind", "words"),
    [
        (CONFIG, "nope", UsageError, "context nope is not in"),
        (CONFIG.replace("current-context: a,", ""), "", ClusterError, "no current context"),
        ("", "", UsageError, "empty"),
        ("{", "", UsageError, "not a kubeconfig"),
        ("kind: Config", "", ClusterError, "no current context"),
    ],
)
def test_bad_kubeconfigs(tmp_path, text, context, kind, words):
    file = tmp_path / "config"
    file.write_text(text)
    with pytest.raises(kind, match=words):
        load(str(file), context)


def test_no_kubeconfig_at_all(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    with pytest.raises(ClusterError, match="no cluster") as caught:
        load()
    assert "sandbox up" in caught.value.hint
    with pytest.raises(UsageError, match="does not exist"):
        load(str(tmp_path / "absent"))
