"""Host names and IP addresses in the form that URLs need."""

from __future__ import annotations


def in_url(host: str) -> str:
    """The host as it is written before a port: an IPv6 address gets brackets."""
    return f"[{host}]" if ":" in host else host
