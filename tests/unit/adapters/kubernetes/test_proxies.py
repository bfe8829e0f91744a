"""The proxy for an API server is the one of Go's programs: https://pkg.go.dev/golang.org/x/net/http/httpproxy."""

import pytest

from fogflow_k8s.adapters.kubernetes.proxies import proxy_of
from fogflow_k8s.errors import UsageError

BUDGET_S = 2
PROXY = "http://proxy.example:3128"


def direct(server, no_proxy):
    return proxy_of(server, env={"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY, "NO_PROXY": no_proxy}) is None


@pytest.mark.parametrize(
    ("host", "no_proxy", "expected"),
    [
        ("api.example.org", "", False),
        ("api.example.org", "*", True),
        ("api.example.org", "example.org", True),
        ("example.org", "example.org", True),
        ("badexample.org", "example.org", False),
        ("example.org", ".example.org", False),
        ("api.example.org", ".example.org", True),
        ("api.example.org", "*.example.org", True),
        ("example.org", "*.example.org", False),
        ("API.Example.org", "example.ORG", True),
        ("api.example.org", "a.b, example.org ,c", True),
        ("api.example.org:6443", "api.example.org:6443", True),
        ("api.example.org:6443", "api.example.org:443", False),
        ("api.example.org", "api.example.org:443", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3:6443", "10.1.2.3:6443", True),
        ("10.1.2.3:6443", "10.1.2.3:443", False),
        ("10.1.2.3", "2.3", False),
        ("[fd00::1]", "fd00::1", True),
        ("[fd00::1]:6443", "[fd00::1]:6443", True),
        ("[fd00::1]:6443", "[fd00::1]:1", False),
        ("[fd00::1]", "fd00::/8", True),
        ("host.example", "10.0.0.0/8,not/a/net", False),
        ("localhost:6443", "", True),
        ("127.0.0.1:6443", "", True),
        ("127.3.2.1", "", True),
        ("[::1]:6443", "", True),
    ],
)
def test_which_servers_bypass_the_proxy(host, no_proxy, expected):
    assert direct(f"https://{host}", no_proxy) is expected


@pytest.mark.parametrize(
    ("env", "server", "expected"),
    [
        ({"HTTPS_PROXY": PROXY}, "https://a", PROXY),
        ({"https_proxy": PROXY}, "https://a", PROXY),
        ({"HTTP_PROXY": PROXY}, "https://a", None),
        ({"HTTP_PROXY": PROXY}, "http://a", PROXY),
        ({"ALL_PROXY": PROXY}, "https://a", None),  # Go ignores this variable
        ({"HTTPS_PROXY": "proxy.example:3128"}, "https://a", PROXY),
        ({"HTTPS_PROXY": "socks5://p:1080"}, "https://a", "socks5://p:1080"),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "a"}, "https://a", None),
        ({}, "https://a", None),
    ],
)
def test_which_variable_applies(env, server, expected):
    assert proxy_of(server, env=env) == expected


def test_the_proxy_of_a_kubeconfig_overrides_the_environment():
    env = {"HTTPS_PROXY": "http://other:1", "NO_PROXY": "*"}
    assert proxy_of("https://127.0.0.1:6443", "socks5://p:1080", env) == "socks5://p:1080"


@pytest.mark.parametrize("wrong", ["ftp://p:1", "http://", "p", "http://p:port", "http://p:99999", "socks4://p:1"])
def test_an_invalid_proxy_is_refused_and_not_shown(wrong):
    with pytest.raises(UsageError, match="proxy-url is not a proxy address; allowed: http://"):
        proxy_of("https://a", wrong)
    if "://" in wrong:
        with pytest.raises(UsageError, match="HTTPS_PROXY") as caught:
            proxy_of("https://a", env={"HTTPS_PROXY": wrong.replace("://", "://user:secret@")})
        assert "secret" not in str(caught.value) + caught.value.hint
