"""The sandbox's context is added and removed; everything else in the kubeconfig stays."""

import json
import os

import pytest
import yaml

from fogflow_k8s.errors import ConfigError, FogflowError
from fogflow_k8s.sandbox import controlplane, kubeconfig, pki
from fogflow_k8s.sandbox.state import KubeconfigEntry

NAME = "fogflow-sandbox"
THEIRS = """\
apiVersion: v1
kind: Config
preferences: {}
clusters:
- name: prod
  cluster: {server: https://prod:6443, insecure-skip-tls-verify: true, extensions: [{name: x, extension: {port: 8443}}]}
users:
- name: prod
  user: {token: 0123, exec: {args: ["yes", 12:30, 2024-01-01, 1e3]}}
contexts:
- name: prod
  context: {cluster: prod, user: prod, namespace: "on"}
current-context: prod
"""


def ours(server="https://127.0.0.1:1", name=NAME):
    return {
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": {"client-key-data": "aGk="}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }


def read(path):
    return yaml.load(path.read_text(), Loader=yaml.BaseLoader)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config"
    path.write_text(THEIRS)
    path.chmod(0o640)
    return path


@pytest.mark.parametrize("switch", [True, False])
def test_add_and_remove_leave_the_file_unchanged(config, switch):
    before = read(config)
    entry = kubeconfig.add(config, NAME, ours(), switch=switch)
    within = read(config)
    assert within["current-context"] == (NAME if switch else "prod")
    assert [item["name"] for item in within["contexts"]] == ["prod", NAME]
    assert kubeconfig.remove(entry)
    assert read(config) == before
    assert config.stat().st_mode & 0o777 == 0o640
    assert not kubeconfig.remove(entry)
    assert not (config.parent / "config.lock").exists()


def test_types_stay_as_kubectl_reads_them(config):
    kubeconfig.add(config, NAME, ours(), switch=True)
    cluster = yaml.safe_load(config.read_text())["clusters"][0]["cluster"]
    assert cluster["insecure-skip-tls-verify"] is True
    assert cluster["extensions"][0]["extension"]["port"] == 8443
    user = yaml.safe_load(config.read_text())["users"][0]["user"]
    assert user == {"token": "0123", "exec": {"args": ["yes", "12:30", "2024-01-01", "1e3"]}}


def test_a_new_file_is_private_and_is_removed_again(tmp_path):
    path = tmp_path / "new" / "config"
    entry = kubeconfig.add(path, NAME, ours(), switch=True)
    assert path.stat().st_mode & 0o777 == 0o600
    kubeconfig.remove(entry)
    assert not path.exists()


def test_a_symbolic_link_is_kept(config, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(config)
    kubeconfig.remove(kubeconfig.add(link, NAME, ours(), switch=True))
    assert link.is_symlink()
    assert read(config)["current-context"] == "prod"


def test_entries_of_another_sandbox_with_the_same_name_stay(config):
    entry = kubeconfig.add(config, NAME, ours(), switch=True)
    kubeconfig.add(config, NAME, ours("https://127.0.0.1:2"), switch=True)
    within = read(config)
    assert not kubeconfig.remove(entry)
    assert read(config) == within


def test_a_context_switched_in_between_stays_current(config):
    entry = kubeconfig.add(config, NAME, ours(), switch=True)
    text = config.read_text().replace(f"current-context: {NAME}", "current-context: elsewhere")
    config.write_text(text)
    kubeconfig.remove(entry)
    assert read(config)["current-context"] == "elsewhere"


def test_a_deleted_previous_context_is_not_restored():
    document = yaml.safe_load(THEIRS)
    merged = kubeconfig.merge(document, ours(), NAME, switch=True)
    assert kubeconfig.unmerge(merged, KubeconfigEntry("p", NAME, "https://127.0.0.1:1", previous="deleted"))
    assert merged["current-context"] == ""


@pytest.mark.parametrize("content", ["- a\n", "text", "clusters: [1]\n", "a: [", "\x00", "clusters: {a: b}\n"])
def test_a_file_that_is_not_a_kubeconfig_is_refused_and_unchanged(config, content):
    config.write_text(content)
    with pytest.raises(ConfigError):
        kubeconfig.check(config)
    with pytest.raises(ConfigError):
        kubeconfig.add(config, NAME, ours(), switch=True)
    assert config.read_text() == content


def test_kubectls_lock_is_respected(config, monkeypatch):
    monkeypatch.setattr(kubeconfig, "_LOCK_S", 0.2)
    lock = config.parent / "config.lock"
    lock.touch()
    with pytest.raises(FogflowError, match="locked by"):
        kubeconfig.add(config, NAME, ours(), switch=True)
    assert lock.exists(), "somebody else's"
    assert config.read_text() == THEIRS


def test_the_current_file_is_kubectls(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(["", str(tmp_path / "a"), str(tmp_path / "b")]))
    assert kubeconfig.current_file() == tmp_path / "a"
    monkeypatch.delenv("KUBECONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kubeconfig.current_file() == tmp_path / ".kube" / "config"


def test_names():
    assert controlplane.context_name("default") == NAME
    assert controlplane.context_name("blue") == f"{NAME}-blue"


@pytest.mark.parametrize(("sandbox", "context"), [("default", NAME), ("blue", f"{NAME}-blue")])
def test_the_file_of_a_sandbox_has_the_same_context_as_the_users(tmp_path, sandbox, context):
    folder = tmp_path / sandbox
    pki.write_pki(folder / "pki", ["127.0.0.1"], {})
    controlplane.write_kubeconfigs(controlplane.ControlPlane(folder, "127.0.0.1", "10.96.0.0/16", {"apiserver": 1}))
    own = json.loads((folder / "kubeconfig").read_text())
    assert own["current-context"] == own["contexts"][0]["name"] == own["clusters"][0]["name"] == context
