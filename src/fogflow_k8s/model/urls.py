"""Addresses as URLs spell them."""

from __future__ import annotations


def in_url(host: str) -> str:
    """A host name or an address as it stands before a port: an address of IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host
