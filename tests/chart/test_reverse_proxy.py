"""What a real nginx with the rendered nginx.conf lets through, and what no way of writing a path gets past."""

from __future__ import annotations

import http.client
import posixpath
import socket
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.chart import nginx
from tests.chart.shapes import of_kind
from tests.scope import examples

pytestmark = pytest.mark.skipif(not nginx.PROGRAM, reason="no nginx here: apt-get install nginx-light")
CLOSED = (
    "/ngsi9/subscription/x",
    "/ngsi9//subscription/x",
    "//ngsi9/subscription/x",
    "/ngsi9/%73ubscription/x",
    "/ngsi9%2fsubscription/x",
    "/NGSI9/subscription/x",
    "/x/../ngsi9/subscription/x",
    "http://elsewhere/ngsi9/subscription/x",
    # nginx sees /ngsi9/ here, discovery a subscription by id
    "/ngsi9/subscription/..",
    "/ngsi9/subscription/%2E%2e",
    "/ngsi9/subscription/..?a",
    "/ngsi9/subscription/x%2f..%2F..%2fy",
    "/ngsi9/subscription/x/../../y",
    "/data/meta/db.json",
    "/data//meta/db.json",
    "/data/%6deta/db.json",
    "/data%2fmeta%2fdb.json",
    "/data/x/..%2fmeta/db.json",
    "/data/meta/./db.json",
    "/data/meta",
    "/Data/Meta/db.json",
    "/data/meta%00/db.json",
    # nginx sees neither slashes nor a second part here, Node.js (url.parse) both
    "/data\\meta\\db.json#",
    "/data\\meta\\db.json",
)
OPEN = {
    "/": "designer",
    "/index.html": "designer",
    "/data/photo/a..b.png": "designer",
    "/data/metadata.json": "designer",
    "/socket.io/?EIO=4&a=../b": "designer",
    "/ngsi9/subscription": "discovery",
    "/ngsi9/registration/urn:Stream.x%2F1": "discovery",
    "/ngsi10/entity/.hidden": "cloud-broker",
    "/ngsi-ld/v1/entities/urn:ngsi-ld:A:1?options=keyValues": "cloud-broker",
}
BETWEEN = ("/", "/", "/", "//", "%2f", "\\", "/./", "/x/../", "%2F%2e/", "/;/")
BEFORE = ("", "", "", "/..", "/x/%2e%2e", "/.", "/ngsi10", "/ngsi9/..", "#", "?", "/;")
AFTER = ("x", "", "/", "..", "/..", "%2f..", "/%2E.", "y", "#", "?a", "\\", ";a", "%20")


@pytest.fixture(scope="module")
def proxy(render, tmp_path_factory):
    conf = of_kind(render(), "ConfigMap")["nginx-config"]["data"]["nginx.conf"]
    with nginx.reverse_proxy(conf, tmp_path_factory.mktemp("nginx")) as made:
        yield made


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
@pytest.mark.parametrize("target", CLOSED)
def test_what_is_closed_reaches_nobody(proxy, method, target):
    assert proxy.ask(target, method) in {400, 403}
    assert proxy.reached.take() == []


@pytest.mark.parametrize("target", OPEN)
def test_everything_else_reaches_its_component_as_it_was_sent(proxy, target):
    assert proxy.ask(target) == 200
    assert [(name, got) for name, _, got, _ in proxy.reached.take()] == [(OPEN[target], target)]


def ways_to_understand(target: str) -> list[list[str]]:
    """The parts of the path as programs take it apart: piece by piece, decoded first, and as Node.js does with a \\ or #."""
    path = target.partition("?")[0]
    node = path.partition("#")[0].replace("\\", "/")
    found = [[unquote(part) for part in path.split("/")]]
    found += [unquote(each).split("/") for each in (path, node)]
    found += [posixpath.normpath(unquote(each)).split("/") for each in (path, node)]
    return [[part.lower() for part in parts if part] for parts in found]


@st.composite
def targets(draw):
    """A path that must stay closed, in some of the ways in which it can be written."""
    words = draw(st.sampled_from([("ngsi9", "subscription", ""), ("data", "meta", "db.json")]))
    written = draw(st.sampled_from(BEFORE))
    for word in words:
        letters = draw(st.lists(st.sampled_from("aaaaabc"), min_size=len(word), max_size=len(word)))
        written += draw(st.sampled_from(BETWEEN))
        for letter, how in zip(word, letters, strict=True):
            written += {"a": letter, "b": letter.upper(), "c": f"%{ord(letter):02x}"}[how]
    return written + "".join(draw(st.lists(st.sampled_from(AFTER), max_size=4)))


@given(target=targets())
@hypothesis_settings(max_examples=examples(600))
def test_no_way_of_writing_it_gets_through(proxy, target):
    proxy.ask(target)
    for name, _, got, _ in proxy.reached.take():
        for parts in ways_to_understand(got):
            assert not (name == "discovery" and parts[:2] == ["ngsi9", "subscription"] and len(parts) > 2), got
            assert not (name == "designer" and parts[:2] == ["data", "meta"]), got


@pytest.mark.parametrize(
    ("asked", "passed"), [("websocket", "websocket"), ("WebSocket", "websocket"), ("h2c", None), ("anything", None)]
)
def test_web_sockets_and_no_other_protocol(proxy, asked, passed):
    proxy.ask("/socket.io/", headers={"Upgrade": asked, "Connection": "Upgrade"})
    ((_, _, _, headers),) = proxy.reached.take()
    assert headers.get("upgrade") == passed
    assert headers.get("connection") == ("upgrade" if passed else None)


def test_a_login_covers_the_dashboard_and_what_stays_closed_stays_closed(render, tmp_path):
    manifests = render("--set", "expose.basicAuth.existingSecret=login")
    # openssl passwd -apr1 -salt salt secret
    (tmp_path / "htpasswd").write_text("me:$apr1$salt$VEpBc9VHGUKwI9.yg13Iu0\n", encoding="utf-8")
    conf = of_kind(manifests, "ConfigMap")["nginx-config"]["data"]["nginx.conf"]
    with nginx.reverse_proxy(conf, tmp_path) as proxy:
        assert [proxy.ask(target) for target in ("/index.html", "/intent", "/ngsi10/../intent")] == [401, 401, 400]
        assert proxy.ask("/index.html", headers={"Authorization": "Basic bWU6c2VjcmV0"}) == 200
        assert proxy.ask("/data/meta/db.json", headers={"Authorization": "Basic bWU6c2VjcmV0"}) == 403
        assert [proxy.ask(target) for target in ("/healthz", "/ngsi10/version", "/ngsi9/status")] == [200, 200, 200]


@pytest.mark.parametrize("ipv6", [True, False])
def test_rabbitmqs_metrics_are_there_on_ipv6_where_that_is_said(render, ipv6):
    """Its port for AMQP listens on both by itself; that of the metrics on IPv4 alone, unless it is told an address."""
    maps = of_kind(render("--set", f"ipv6={str(ipv6).lower()}"), "ConfigMap")
    conf = maps["rabbitmq-config"]["data"]["rabbitmq.conf"]
    assert ("prometheus.tcp.ip = ::" in conf.splitlines()) is ipv6


@pytest.mark.parametrize("ipv6", [True, False])
def test_it_listens_on_ipv6_where_that_is_said(render, tmp_path, ipv6):
    manifests = render("--set", f"ipv6={str(ipv6).lower()}")
    conf = of_kind(manifests, "ConfigMap")["nginx-config"]["data"]["nginx.conf"]
    assert ("listen [::]:8080;" in conf) is ipv6
    with nginx.reverse_proxy(conf, tmp_path) as proxy:
        for host in ("127.0.0.1", "::1") if ipv6 and socket.has_dualstack_ipv6() else ("127.0.0.1",):
            connection = http.client.HTTPConnection(host, proxy.port, timeout=10)
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
            connection.close()
