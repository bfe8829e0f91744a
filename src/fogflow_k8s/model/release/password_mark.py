"""The mark of a password: a salted hash that shows whether the password was changed, without revealing it.

It is stored in the record, a ConfigMap, which more users may read than Secrets. It is therefore an scrypt hash with a random salt:
guessing a weak password is slow, and two releases with the same password have different marks. The timestamps of the Secret are
no alternative, because a change of its labels changes them, too.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

_COST = {"n": 2**14, "r": 8, "p": 1}  # about 16 MiB and 50 ms for each guess


def mark(secret: str, version: str, password: str, *, salt: bytes) -> dict[str, str]:
    """The mark of the password in a Secret; `version` is the Secret's resourceVersion, "" when it is unknown."""
    return {
        "secret": secret,
        "version": version,
        "salt": salt.hex(),
        "passwordHash": _digest(password, salt),  # support archives mask a value of this name
    }


def is_of(mark: Mapping[str, Any], version: str, password: str) -> bool:
    """Whether the mark is that of the password. For a Secret of the same version no hash is computed."""
    if version and mark.get("version") == version:
        return True
    try:
        salt = bytes.fromhex(str(mark["salt"]))
    except (KeyError, ValueError):  # edited by hand
        return False
    return hmac.compare_digest(_digest(password, salt), str(mark.get("passwordHash")))


def _digest(password: str, salt: bytes) -> str:
    return hashlib.scrypt(password.encode(), salt=salt, dklen=32, **_COST).hex()
