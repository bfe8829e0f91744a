"""What is secret in a text we are about to show, and the text without it."""

from __future__ import annotations

import re

MASK = "********"
_URL_PASSWORD = re.compile(r"(?P<head>[a-z][a-z0-9+.-]*://[^\s:/@]+:)[^\s@/]+@")
_ASSIGNED = re.compile(
    r"(?i)(?P<head>(?:password|passwd|secret|token|authorization)[\"']?\s*[:=]\s*(?:bearer\s+|basic\s+)?[\"']?)[^\s\"',}]+"
)


def redact(text: str) -> str:
    """The text with passwords in URLs and values assigned to secret-looking names masked."""
    text = _URL_PASSWORD.sub(rf"\g<head>{MASK}@", text)
    return _ASSIGNED.sub(rf"\g<head>{MASK}", text)
