"""The cluster that is meant is the only one that is contacted, by every verb and whatever way names it.

Two doors lead to the API server. One is meant; that nobody knocks at the other one is what is asserted, so a call that went
there would have succeeded.
"""

import json
import os
from pathlib import Path

import pytest

from tests.cluster import proxy
from tests.cluster.test_bad_server import config  # noqa: F401 - a fixture
from tests.scope import ALL

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
BUDGET_S = 300


def kubeconfig(site, name, url, current=True):
    """A file with one context of that name; `current` when the file says that it is in force."""
    document = {
        "apiVersion": "v1", "kind": "Config", "current-context": name if current else "",
        "clusters": [{"name": name, "cluster": {"server": url}}], "users": [{"name": name, "user": {}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }  # fmt: skip
    path = site.state / f"{name}{'' if current else '.uncurrent'}.kubeconfig"
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    return str(path)


def server_of(path):
    return json.loads(Path(path).read_text())["clusters"][0]["cluster"]["server"]


def ways(site, east, west):
    """By name: flags and variables that mean the cluster of `east`."""
    home = site.state / "home" / ".kube"
    home.mkdir(parents=True)
    (home / "config").write_text(Path(east).read_text())
    (site.state / "empty").write_text("")
    both = f"{east}{os.pathsep}{west}"
    helms = {"HELM_KUBECONTEXT": "west", "HELM_NAMESPACE": "elsewhere", "HELM_KUBETOKEN": "x"}
    uncurrent = kubeconfig(site, "east", server_of(east), current=False)
    return {
        "one file": ([], {"KUBECONFIG": east}),
        "the first of two files": ([], {"KUBECONFIG": both}),
        "the second of two files, by --context": (["--context", "east"], {"KUBECONFIG": f"{west}{os.pathsep}{uncurrent}"}),
        "an empty and an absent file first": ([], {"KUBECONFIG": os.pathsep.join([str(site.state / "empty"), "/absent", both])}),
        "--kubeconfig against KUBECONFIG": (["--kubeconfig", east], {"KUBECONFIG": west}),
        "FOGFLOW_K8S_CONTEXT": ([], {"KUBECONFIG": f"{west}{os.pathsep}{uncurrent}", "FOGFLOW_K8S_CONTEXT": "east"}),
        "FOGFLOW_K8S_KUBECONFIG": ([], {"KUBECONFIG": west, "FOGFLOW_K8S_KUBECONFIG": east}),
        "the home folder": ([], {"KUBECONFIG": "", "HOME": str(site.state / "home")}),
        "a relative path": ([], {"KUBECONFIG": os.path.relpath(east, site.state)}),
        "Helm's variables mean another": ([], {"KUBECONFIG": both, **helms}),
        "Helm's variable names another server": ([], {"KUBECONFIG": both, "HELM_KUBEAPISERVER": server_of(west)}),
    }  # fmt: skip


IP = ("--external-ip", "192.0.2.10")
LIFE = (
    ("check", *IP), ("deploy", *IP, "--timeout", "60s"), ("status",), ("history",), ("diff", *IP), ("doctor",),
    ("deploy", *IP, "--set", "replicaCount=2", "--timeout", "60s"), ("restart", "nginx", "--yes"), ("rollback", "--yes"), ("edge", "list"),
    ("task", "list"), ("logs", "nginx"), ("bundle",), ("verify",), ("doctor", "--fix", "--yes"), ("images", "check"),
    ("render", "-o", "rendered", *IP), ("task", "run", "--image", "docker.io/fogflow/operator:1", "--input", "Temperature"),
    ("task", "stop", "f1", "--yes"), ("edge", "token", "create", "--site", "002"), ("edge", "check"),
    ("uninstall", "--yes", "--delete-data"),
)  # fmt: skip
"""Every verb that talks to a cluster, in an order that makes sense."""


TURNS = 11


@pytest.mark.parametrize("turn", range(TURNS))
def test_nobody_knocks_at_the_other_door(site, config, turn):  # noqa: F811 - the fixture
    """In the gate each way has a part of the verbs, and each verb is asked in some way; in `make all` all have all."""
    with proxy.Proxy(config, site.state, _passing) as meant, proxy.Proxy(config, site.state, _passing) as other:
        east, west = kubeconfig(site, "east", meant.url), kubeconfig(site, "west", other.url)
        name, (flags, env) = list(ways(site, east, west).items())[turn]
        life = LIFE if ALL else (*_part(turn), ("deploy", *IP, "--dry-run", "server"))
        env = {"FOGFLOW_K8S_STATE": str(site.state / "meant"), **env}
        for words in life:
            before = next(meant.numbers)
            site.run(*words, *flags, env=env, code=None)
            assert "this is a bug" not in site.stderr, (name, words, site.stderr)
            assert next(meant.numbers) > before + 1, f"{name}: {words} did not ask anybody: {site.stderr}"
            assert next(other.numbers) == 1, f"{name}: {words} asked the other one"
            other.numbers = type(other.numbers)(1)


def _part(turn):
    return [words for n, words in enumerate(LIFE) if n % TURNS == turn]


def _passing(*_):
    return False
