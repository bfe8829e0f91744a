"""HTTP proxies for requests to an API server, chosen like kubectl and Helm choose them.

The rules are Go's (golang.org/x/net/http/httpproxy). Python's libraries know fewer forms of NO_PROXY and send loopback
addresses to a proxy, so this tool and Helm would take different routes to the same server.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from fogflow_k8s.errors import UsageError

_SCHEMES = ("http", "https", "socks5", "socks5h")


def proxy_of(server: str, proxy_url: str = "", env: Mapping[str, str] | None = None) -> str | None:
    """Return the URL of the proxy for `server`; None for a direct connection. A kubeconfig's `proxy-url` overrides the environment.

    Raises UsageError for an invalid proxy address.
    """
    env = os.environ if env is None else env
    if proxy_url:
        return _validated(proxy_url, "proxy-url")
    name = "HTTPS_PROXY" if urlsplit(server).scheme == "https" else "HTTP_PROXY"
    found = env.get(name) or env.get(name.lower()) or ""
    if not found or _bypasses_proxy(server, env.get("NO_PROXY") or env.get("no_proxy") or ""):
        return None
    return _validated(found if "://" in found else f"http://{found}", name)


def _validated(url: str, name: str) -> str:
    parts = urlsplit(url)
    try:
        fine = parts.scheme in _SCHEMES and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        fine = False
    if not fine:
        raise UsageError(
            f"{name} is not a proxy address; allowed: {', '.join(f'{each}://HOST:PORT' for each in _SCHEMES)}",
            hint="kubectl config view" if name == "proxy-url" else f"set {name} to one of these, or unset it",
        )
    return url


def _bypasses_proxy(server: str, no_proxy: str) -> bool:
    """Whether the environment's proxy does not apply to this server."""
    parts = urlsplit(server)
    host, port = (parts.hostname or "").rstrip("."), parts.port or (443 if parts.scheme == "https" else 80)
    address = _parse_address(host)
    if host == "localhost" or (address and address.is_loopback):
        return True
    return any(
        _no_proxy_matches(entry.strip().lower(), host, port, address) for entry in no_proxy.split(",") if entry.strip()
    )


def _no_proxy_matches(entry: str, host: str, port: int, address: Any) -> bool:
    """Match one entry of NO_PROXY: `*`, an address, a network, a domain with its subdomains, or `.domain` (subdomains only); with or without a port."""
    if entry == "*":
        return True
    if "/" in entry:
        try:
            return bool(address and address in ipaddress.ip_network(entry, strict=False))
        except ValueError:
            return False
    name, wanted = _split_host_port(entry)
    if wanted not in ("", str(port)):
        return False
    if address or _parse_address(name):
        return bool(address == _parse_address(name))
    name = name.removeprefix("*")
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _split_host_port(entry: str) -> tuple[str, str]:
    """Return host and port ("" for none) of `host`, `host:80`, `::1`, `[::1]` or `[::1]:80`."""
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, rest.removeprefix(":")
    if entry.count(":") == 1:
        name, _, port = entry.partition(":")
        return name, port
    return entry, ""


def _parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def connection_pool(proxy: str | None, **options: Any) -> Any:
    """Return a urllib3 connection pool, through the proxy if given. A login in its URL is used, and never shown."""
    import urllib3

    if not proxy:
        return urllib3.PoolManager(**options)
    if proxy.startswith("socks"):
        from urllib3.contrib.socks import SOCKSProxyManager

        return SOCKSProxyManager(
            proxy.replace("socks5://", "socks5h://", 1), **options
        )  # like Go: the proxy resolves names
    parts = urlsplit(proxy)
    login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if parts.username else None
    headers = urllib3.make_headers(proxy_basic_auth=login) if login else None
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    trust = ssl.create_default_context()  # for an https proxy: the system's authorities, like Go
    return urllib3.ProxyManager(bare, proxy_headers=headers, proxy_ssl_context=trust, **options)
