"""Kubeconfigs are read by kubectl's rules: several files, absent files, and relative paths."""

import os

import pytest
import yaml

from fogflow_k8s.adapters.kubernetes.kubeconfig import IN_CLUSTER, ignored_variables, resolve
from fogflow_k8s.errors import ClusterError, UsageError

BUDGET_S = 3


@pytest.fixture(autouse=True)
def _outside(monkeypatch, tmp_path):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def document(name, port=1, current=None, **user):
    """A kubeconfig with one context, cluster and user of that name."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name if current is None else current,
        "clusters": [{"name": name, "cluster": {"server": f"https://127.0.0.1:{port}"}}],
        "users": [{"name": name, "user": user or {"token": f"t-{name}"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }


def written(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return str(path)


def several(monkeypatch, *paths):
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(paths))


def test_the_first_current_context_of_several_files_wins(tmp_path, monkeypatch):
    east, west = (written(tmp_path / name, document(name, port)) for name, port in (("east", 1), ("west", 2)))
    several(monkeypatch, east, west)
    assert (resolve().context, resolve().server) == ("east", "https://127.0.0.1:1")
    several(monkeypatch, west, east)
    assert (resolve().context, resolve().server) == ("west", "https://127.0.0.1:2")
    assert resolve(context="east").server == "https://127.0.0.1:1"
    assert resolve(east).context == "east"


@pytest.mark.parametrize("empty", ["", "{}", "# nothing\n", "current-context: ''\nclusters: null\nusers: []\n"])
def test_empty_files_are_skipped(tmp_path, monkeypatch, empty):
    several(monkeypatch, written(tmp_path / "empty", empty), str(tmp_path / "absent"), "",
            written(tmp_path / "b", document("b")))  # fmt: skip
    assert resolve().context == "b"


def test_the_first_definition_of_a_name_wins(tmp_path, monkeypatch):
    one = written(tmp_path / "one", document("x", 1, current=""))
    two = written(tmp_path / "two", document("x", 2))
    several(monkeypatch, one, two)
    assert (resolve().server, resolve().user["token"]) == ("https://127.0.0.1:1", "t-x")


def test_entries_of_several_files_are_combined(tmp_path, monkeypatch):
    whole = document("x", 7)
    parts = [{"users": whole.pop("users")}, {"clusters": whole.pop("clusters")}, whole]
    several(monkeypatch, *(written(tmp_path / str(n), part) for n, part in enumerate(parts)))
    assert (resolve().server, resolve().user_name) == ("https://127.0.0.1:7", "x")


def test_relative_paths_start_at_their_file(tmp_path, monkeypatch):
    user = {"client-certificate": "pki/a.crt", "client-key": "/abs/a.key", "exec": {"command": "./bin/login"}}
    far = written(tmp_path / "far" / "config", document("x", **user))
    several(monkeypatch, written(tmp_path / "near" / "config", {}), far)
    found = resolve().user
    assert found["client-certificate"] == str(tmp_path / "far/pki/a.crt")
    assert found["client-key"] == "/abs/a.key"
    assert found["exec"]["command"] == str(tmp_path / "far/bin/login")


def test_a_plug_in_without_a_folder_is_found_on_path(tmp_path):
    file = written(tmp_path / "c", document("x", exec={"command": "cloud-login"}))
    assert resolve(file).user["exec"]["command"] == "cloud-login"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"current-context": ""}, "has no current context"),
        ({"current-context": "gone"}, "current context gone is not in"),
        ({"clusters": []}, "has no cluster x, which context x refers to"),
        ({"clusters": [{"name": "x", "cluster": {}}]}, "gives cluster x no server"),
        ({"clusters": [{"name": "x"}] * 2}, "clusters has more than one entry named x"),
        ({"contexts": ["x"]}, r"contexts\[0\] is not an entry"),
        ({"users": [{"user": {}}]}, r"users\[0\] is not an entry"),
        ({"clusters": [{"name": "x", "cluster": "https://a"}]}, r"clusters\[0\] is not an entry"),
    ],
)
def test_an_error_names_the_wrong_entry(tmp_path, change, says):
    with pytest.raises((UsageError, ClusterError), match=says) as caught:
        resolve(written(tmp_path / "config", {**document("x"), **change}))
    assert caught.value.hint


@pytest.mark.parametrize("text", ["{", "- a\n- b\n", "text", "\x00", "a: b: c"])
def test_a_file_that_is_not_a_kubeconfig(tmp_path, text):
    with pytest.raises(UsageError, match="not a kubeconfig"):
        resolve(written(tmp_path / "config", text))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &a [*a]", "an anchor .* is used inside its own value"),
        ("users: &u\n- name: x\n  user: {exec: *u}", "an anchor"),
        ("a: " + "[" * 10_000 + "]" * 10_000, "nest"),
        ("a: " + "[" * 900 + "]" * 900, "nested too deeply"),
    ],
)
def test_a_file_that_refers_to_itself_or_is_nested_too_deeply(tmp_path, text, says):
    file = written(tmp_path / "config", text)
    with pytest.raises(UsageError, match=f"{file} is not a kubeconfig: .*{says}") as error:
        resolve(file)
    assert error.value.hint


def test_an_alias_outside_of_its_anchor_is_allowed(tmp_path):
    text = yaml.safe_dump(document("x")) + "extensions: [&a {b: 1}, *a, *a]\n"
    assert resolve(written(tmp_path / "config", text)).context == "x"


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_an_empty_file_is_named_with_the_next_command(tmp_path, monkeypatch, text):
    file = written(tmp_path / "config", text)
    with pytest.raises(ClusterError, match=f"no cluster: kubeconfig {file} is empty") as error:
        resolve(file)
    assert "set --kubeconfig to" in error.value.hint
    several(monkeypatch, file, str(tmp_path / "absent"))
    with pytest.raises(ClusterError, match=f"no cluster: kubeconfig {file} is empty") as error:
        resolve()
    assert "set KUBECONFIG to" in error.value.hint
    assert "fogflow-k8s sandbox up" in error.value.hint


def test_an_absent_file_is_named_with_the_next_command(tmp_path):
    with pytest.raises(UsageError, match=f"kubeconfig {tmp_path}/none does not exist") as error:
        resolve(str(tmp_path / "none"))
    assert "fogflow-k8s sandbox up" in error.value.hint


def test_an_unreadable_file(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        resolve(str(tmp_path))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not a kubeconfig"):
        resolve(str(tmp_path / "binary"))


def test_no_configured_cluster(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    with pytest.raises(ClusterError, match="no cluster") as caught:
        resolve()
    assert "sandbox up" in caught.value.hint
    with pytest.raises(UsageError, match="does not exist"):
        resolve(str(tmp_path / "absent"))
    with pytest.raises(UsageError, match="context nope is not in"):
        resolve(written(tmp_path / "config", document("x")), "nope")


def test_a_user_without_home_or_variables(monkeypatch):
    monkeypatch.setenv("HOME", "/dev/null")
    with pytest.raises(ClusterError, match="no cluster"):
        resolve()


@pytest.mark.parametrize(
    ("server", "more", "read"),
    [
        ("https://h:6443/", {}, "https://h:6443"),
        ("https://h/k8s/clusters/c-1", {}, "https://h/k8s/clusters/c-1"),
        ("h:8080", {}, "http://h:8080"),
        ("h:6443", {"certificate-authority-data": "eA=="}, "https://h:6443"),
    ],
)
def test_addresses_of_servers(tmp_path, server, more, read):
    made = {**document("x"), "clusters": [{"name": "x", "cluster": {"server": server, **more}}]}
    assert resolve(written(tmp_path / "config", made)).server == read


def test_in_a_pod_without_kubeconfig_its_service_account_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    with pytest.raises(ClusterError, match="no service account token"):
        resolve()
    monkeypatch.setattr("fogflow_k8s.adapters.kubernetes.kubeconfig._SERVICE_ACCOUNT", tmp_path)
    (tmp_path / "token").write_text("t")
    found = resolve()
    assert (found.context, found.server) == (IN_CLUSTER, "https://[fd00::1]:6443")
    assert found.flags == ("", "")
    assert resolve(written(tmp_path / "config", document("x"))).context == "x"


def test_children_get_the_file_and_the_context_and_nothing_else(tmp_path, monkeypatch):
    east, west = (written(tmp_path / name, document(name)) for name in ("east", "west"))
    given = {"PATH": "/bin", "KUBECONFIG": "other", "HELM_NAMESPACE": "a", "HELM_KUBECONTEXT": "west",
             "HELM_KUBEAPISERVER": "https://else", "HELM_KUBETOKEN": "t", "HELM_DEBUG": "1"}  # fmt: skip
    one = resolve(west)
    assert one.flags == (west, "west")
    assert one.environment(given) == {"PATH": "/bin", "KUBECONFIG": west, "HELM_DEBUG": "1"}
    several(monkeypatch, east, str(tmp_path / "absent"), west)
    both = resolve()
    assert both.flags == ("", "east")  # helm's flag takes one file
    assert both.environment(given)["KUBECONFIG"] == f"{east}{os.pathsep}{west}"
    assert ignored_variables({**given, "HELM_KUBECAFILE": ""}) == [
        "HELM_KUBEAPISERVER", "HELM_KUBECONTEXT", "HELM_KUBETOKEN", "HELM_NAMESPACE"]  # fmt: skip


def test_a_child_gets_no_home_that_is_no_folder(tmp_path):
    """Helm 4 ends with "not a directory" there, and works where a home does not exist."""
    file = tmp_path / "home"
    file.write_text("")
    context = resolve(written(tmp_path / "config", document("one")))
    for home in (file, file / "below"):
        assert not os.path.lexists(context.environment({"HOME": str(home)})["HOME"])
        assert context.environment({"HOME": str(home)})["HOME"] != str(home)
    assert context.environment({"HOME": str(tmp_path)})["HOME"] == str(tmp_path)
    assert "HOME" not in context.environment({})
