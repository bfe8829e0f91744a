"""The patterns of the settings in words, so that errors and explanations contain no regular expressions."""

from __future__ import annotations

import re

_NAME = (
    "the name of a Kubernetes object: lower-case letters, digits, - and ., beginning and ending with a letter or digit"
)
_HOST = "a host name or IP address: letters, digits, ., : and -"
_REGISTRY = "a registry with an optional path, like registry.example:5000/team"
_DNS_NAME = "a DNS name in lower case, which may begin with *."

WORDS: dict[str, str] = {
    r"^[A-Za-z0-9]+$": "letters and digits only",
    r"^[A-Za-z0-9]*$": "letters and digits only",
    r"^[A-Za-z0-9_-]+$": "letters, digits, _ and -",
    r"^[A-Za-z0-9_-]*$": "letters, digits, _ and -",
    r"^[A-Za-z0-9.:-]*$": _HOST,
    r"^([!-~]([ -~]*[!-~])?)?$": "printable ASCII characters, without a space at either end (the AMQP client of FogFlow's designer sends other characters wrongly)",
    r"^[0-9A-Fa-f.:]+$": "an IP address",
    r"^[0-9A-Fa-f.:]*$": "an IP address",
    r"^[0-9A-Fa-f.:]+/[0-9]+$": "a range of addresses, like 192.0.2.0/24",
    r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$": _NAME,
    r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$": "a DNS name: lower-case letters, digits, - and .",
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$": "the name of a namespace: lower-case letters, digits and -, beginning and ending with a letter or digit",
    r"^(https?://.+)?$": "a URL that begins with http:// or https://",
    r"^(\*\.)?[a-z0-9.-]+$": _DNS_NAME,
    r"^(\*\.)?[a-z0-9.-]*$": _DNS_NAME,
    r"^[A-Za-z0-9.:/_-]*$": _REGISTRY,
    r"^[a-z0-9]*([._/-]+[a-z0-9]+)*$": "the path of an image in its registry, in lower case, like fogflow/master",
    r"^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$": "an image tag: letters, digits, _, . and -, at most 128 of them",
    r"^(sha256:[0-9a-f]{64})?$": "sha256: and 64 hexadecimal digits",
    r"^(/[^\x00]*)?$": "an absolute path, which begins with /",
    r"^[0-9]+(\.[0-9]+)?([kMGTPE]i?|m)?$": "an amount like 50m, 0.5, 64Mi or 1Gi",
}  # fmt: skip
"""Every pattern of the models (a test compares) -> what it allows."""


def in_words(pattern: str) -> str:
    """What `pattern` allows, in words, including whether the value may be empty."""
    words = WORDS.get(pattern, "text of another form")
    return f"{words}; or empty" if re.search(pattern, "") else words
