"""An API server that is slow, hangs, breaks connections, or answers 429, 503 and 410: it ends right, or with a typed error, in time."""

import json
import subprocess
import time

import pytest

from tests.cluster import proxy
from tests.documents import parse
from tests.scope import only_all

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]
BUDGET_S = 150
HANG_S = 600  # a hang guard


def lists(request):
    return request.command == "GET" and "watch=" not in request.path


FAULTS = {
    "slow": proxy.slow(0.3),
    "very slow": proxy.slow(2),
    "every 40th request hangs": proxy.hanging(40),
    "every 5th connection dropped": proxy.dropping(5),
    "every 3rd answer 429": proxy.refusing(429, "TooManyRequests", 3, Retry_After="1"),
    "every 3rd answer 503": proxy.refusing(503, "ServiceUnavailable", 3),
    "every 3rd list 410": proxy.refusing(410, "Expired", 3, lambda r: lists(r) and "limit=" in r.path),
}
GATE = ("slow", "every 5th connection dropped")
"""What every verb has to live with; of answers that refuse for a moment (429, 503, 410) the gate has tests/contract/test_cluster.py."""
ERRORS = {11, 20, 21, 30, 41}


@pytest.fixture
def config(site):
    done = subprocess.run([site.kubectl_path, "config", "view", "--raw", "--minify", "-o", "json"], env=site.env, capture_output=True, text=True, check=True)  # fmt: skip
    return json.loads(done.stdout)


def through(site, url):
    cluster = {"name": "bad", "cluster": {"server": url}}
    context = {"name": "bad", "context": {"cluster": "bad", "user": "bad"}}
    path = site.state / "bad.kubeconfig"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "clusters": [cluster], "contexts": [context],
                                "users": [{"name": "bad", "user": {}}], "current-context": "bad"}))  # fmt: skip
    path.chmod(0o600)
    return {"KUBECONFIG": str(path)}


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in GATE else only_all) for name in FAULTS])
def test_it_ends_right_or_with_a_typed_error(site, config, name):
    with proxy.Proxy(config, site.state, FAULTS[name]) as bad:
        env = through(site, bad.url)
        for words in (["deploy", "--external-ip", "192.0.2.10", "--timeout", "60s"], ["status"], ["history"]):
            start = time.monotonic()
            out = site.run(*words, "-o", "json", env=env, code=None)
            took = time.monotonic() - start
            document = parse(out)
            assert "this is a bug" not in site.stderr, site.stderr
            assert took < HANG_S, f"{words} hung"
            if document["kind"] == "Error":
                assert document["exitCode"] in ERRORS, document
                assert document["error"]["remedy"], document
        assert bad.met, "no request met the fault"
    # whatever became of it: with a well server the next deploy is right
    assert site.deploy()["exitCode"] == 0
    assert site.json("status")["state"] == "unverified"


def test_a_server_that_takes_connections_and_says_nothing(site, config):
    """Every verb gives up by itself, says which server it was, and what to try."""
    with proxy.Proxy(config, site.state, proxy.hanging(1)) as bad:
        env = through(site, bad.url)
        verbs = (["deploy", "--external-ip", "192.0.2.10"], ["status"], ["history"], ["check"], ["uninstall", "--yes"])
        children = {words[0]: site.start(*words, "-o", "json", env=env) for words in verbs if words[0] != "uninstall"}
        children["uninstall"] = site.start(*verbs[-1], env=env)
        for verb, child in children.items():
            _, said = child.communicate(timeout=HANG_S)
            assert child.returncode == 11, (verb, said)
            assert "this is a bug" not in said
            assert verb == "check" or "Next:" in said, (verb, said)
        assert bad.met
