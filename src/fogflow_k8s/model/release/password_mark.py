"""The mark of a password: enough to notice that it was changed, too little to find out what it is. Pure.

It lies in our record, a ConfigMap, which more people may read than may read Secrets: so it is scrypt over a random salt,
which makes guessing a weak password slow, and tells nobody that two releases have the same one. A key that everybody can
read (the cluster's uid) would not. Time stamps would not do: an edit of the Secret's labels, too, moves that of its writer.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

_COST = {"n": 2**14, "r": 8, "p": 1}  # 16 MiB and some 50 ms for each guess


def mark(secret: str, version: str, password: str, *, salt: bytes) -> dict[str, str]:
    """The mark of the password in a Secret; `version` is the Secret's resourceVersion, "" when that is not known."""
    return {
        "secret": secret,
        "version": version,
        "salt": salt.hex(),
        "passwordHash": _digest(password, salt),  # by that name archives mask it
    }


def is_of(mark: Mapping[str, Any], version: str, password: str) -> bool:
    """Whether it is that password's mark. A Secret of the same version is the same, and costs no digest."""
    if version and mark.get("version") == version:
        return True
    try:
        salt = bytes.fromhex(str(mark["salt"]))
    except (KeyError, ValueError):  # edited by hand
        return False
    return hmac.compare_digest(_digest(password, salt), str(mark.get("passwordHash")))


def _digest(password: str, salt: bytes) -> str:
    return hashlib.scrypt(password.encode(), salt=salt, dklen=32, **_COST).hex()
