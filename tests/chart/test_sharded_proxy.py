"""Which broker the reverse proxy asks, with the real nginx and brokers that write down what they are asked."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from tests.chart.shapes import ACCEPTED, of_kind
from tests.ports import free_port
from tests.unit.keeper.stub import Stub

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="no nginx on this machine")
SHARDS = 3


@pytest.fixture
def brokers():
    """Three brokers, each with one entity of its own."""
    found = [Stub() for _ in range(SHARDS)]
    for n, each in enumerate(found):
        each.answers = {
            f"GET /ngsi10/entity/at-{n}": {"entityId": {"id": f"at-{n}"}},
            "POST /ngsi10/updateContext": {"by": n},
            "POST /ngsi10/subscribeContext": {"by": n},
            "GET /ngsi10/subscription/s": {"by": n},
        }
    yield found
    for each in found:
        each.close()


@pytest.fixture
def proxy(render, brokers, tmp_path):
    """The URL of an nginx with the chart's configuration for three shards."""
    manifests = render("--set", f"broker.shards={SHARDS},{ACCEPTED}")
    conf, port = of_kind(manifests, "ConfigMap")["nginx-config"]["data"]["nginx.conf"], free_port()
    for n, each in enumerate(brokers):
        name = f"cloud-broker-{n}" if n else "cloud-broker"
        conf = conf.replace(f"{name}.fogflow.svc.cluster.local:8070", each.url.removeprefix("http://"))
    conf = re.sub(r"[a-z]+\.fogflow\.svc\.cluster\.local:\d+", "127.0.0.1:9", conf)
    conf = conf.replace("listen 8080", f"listen 127.0.0.1:{port}").replace("/tmp/", f"{tmp_path}/")
    conf = conf.replace("/dev/stdout", str(tmp_path / "access")).replace("/dev/stderr", str(tmp_path / "error"))
    (tmp_path / "nginx.conf").write_text(conf, encoding="utf-8")
    argv = ["nginx", "-e", str(tmp_path / "error"), "-c", str(tmp_path / "nginx.conf"), "-g", "daemon off;"]
    with subprocess.Popen(argv, cwd=tmp_path) as process:
        url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                if ask("GET", f"{url}/healthz")[0] == 200:
                    break
            except OSError:
                time.sleep(0.02)
        yield url
        process.send_signal(signal.SIGQUIT)
        process.wait(timeout=10)


def ask(method, url, body=None):
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize("n", range(SHARDS))
def test_an_entity_is_read_by_its_id_wherever_it_is(proxy, brokers, n):
    status, text = ask("GET", f"{proxy}/ngsi10/entity/at-{n}")
    assert (status, json.loads(text)["entityId"]["id"]) == (200, f"at-{n}")
    assert [len(each.asked) for each in brokers] == [int(m <= n) for m in range(SHARDS)], "the first is asked first"


def test_what_nobody_has_is_not_found_by_any(proxy, brokers):
    assert ask("GET", f"{proxy}/ngsi10/entity/nobody")[0] == 404
    assert ask("GET", f"{proxy}/ngsi10/entity/nobody/attribute")[0] == 404
    assert [len(each.asked) for each in brokers] == [2] * SHARDS


def test_a_broker_that_does_not_answer_is_no_proof_that_an_entity_is_gone(proxy, brokers):
    brokers[1].close()
    assert ask("GET", f"{proxy}/ngsi10/entity/at-0")[0] == 200
    for _ in range(3):
        assert ask("GET", f"{proxy}/ngsi10/entity/nobody")[0] == 502
    assert ask("GET", f"{proxy}/ngsi10/entity/at-0")[0] == 200


@pytest.mark.parametrize("entity", ["at-2", "urn:ngsi:T%201"])
def test_an_entity_is_deleted_by_a_call_that_reaches_its_owner(proxy, brokers, entity):
    assert ask("DELETE", f"{proxy}/ngsi10/entity/{entity}")[0] == 200
    ((key, body, _),) = brokers[0].asked
    plain = entity.replace("%20", " ")
    assert (key, body["updateAction"]) == ("POST /ngsi10/updateContext", "DELETE")
    assert body["contextElements"] == [{"entityId": {"id": plain}}]
    assert not brokers[1].asked


@pytest.mark.parametrize("entity", ["a%22b", "a%5Cb", "a%0Ab", "a/b"])
def test_an_id_that_is_none_is_not_deleted_by_anybody(proxy, brokers, entity):
    assert ask("DELETE", f"{proxy}/ngsi10/entity/{entity}")[0] == 400
    assert not any(each.asked for each in brokers)


@pytest.mark.parametrize("path", ["updateContext", "subscribeContext"])
def test_what_has_a_body_goes_to_the_first(proxy, brokers, path):
    for _ in range(3):
        assert ask("POST", f"{proxy}/ngsi10/{path}", {"a": 1}) == (200, '{"by": 0}')
    assert brokers[0].asked[0][1] == {"a": 1}
    assert not brokers[1].asked + brokers[2].asked


def test_a_subscription_is_where_it_was_made(proxy, brokers):
    assert ask("GET", f"{proxy}/ngsi10/subscription/s") == (200, '{"by": 0}')
    assert not brokers[1].asked


def test_our_own_detour_is_not_open(proxy, brokers):
    assert ask("DELETE", f"{proxy}/deleted-by-its-owner")[0] == 404
    assert not any(each.asked for each in brokers)
