"""Why an image cannot be pulled, from the messages of the kubelet and its container runtime.

A message is a chain of Go errors, `what was done: what went wrong: ...`, with URLs, digests, sizes and addresses in between. A
number alone therefore means nothing, and words count only at the start or end of a link of the chain. Network errors are tested
before the registry's answers, because an interrupted pull tells nothing about the image. A message that matches no pattern is
shown unchanged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Sort = Literal["transient", "credentials", "absent", "platform", "tls", "unknown"]


@dataclass(frozen=True)
class Trouble:
    """Why a pull failed: its sort, its id in the catalogue, and the predicate of a sentence about the image."""

    sort: Sort
    id: str
    description: str


UNKNOWN = Trouble("unknown", "FK-4009", "cannot be pulled")
_RATE = Trouble("transient", "FK-4003", "is rate-limited by its registry")
_NETWORK = Trouble("transient", "FK-4009", "cannot be pulled: its registry cannot be reached, or fails")
_CREDENTIALS = Trouble("credentials", "FK-4002", "cannot be pulled: credentials are missing or wrong")
_ABSENT = Trouble("absent", "FK-4001", "does not exist")
_PLATFORM = Trouble("platform", "FK-4004", "is for another platform")
_TLS = Trouble("tls", "FK-4010", "cannot be pulled: the node does not accept the certificate of its registry")

# quoted names and URLs are replaced, because an image may be called reg/denied/app:429
_NAMES = re.compile(r'"[^"]*"|\bhttps?://\S*')
_AFTER = r"(?:^|: |\n|\] )"  # the start of a link of the chain
_END = r"(?=$|[:;,.)\]\n]| \(| - )"
_WORDS: tuple[tuple[Trouble, re.Pattern[str]], ...] = tuple(
    (trouble, re.compile("|".join(patterns), re.MULTILINE))
    for trouble, patterns in (
        (UNKNOWN, (r"\bfailed to extract layer\b", r"\bextraction snapshot\b")),  # the image is there; the node's own storage fails
        (_PLATFORM, (r"\bno match(?:ing manifest)? for (?:platform|linux/|windows/)", r"exec format error",
                     r"\bno image found in (?:image index|manifest list) for architecture\b")),
        (_RATE, (rf"{_AFTER}toomanyrequests\b", r"\b429 Too Many Requests\b", r"\bpull rate limit\b", rf"{_AFTER}rate limit exceeded\b",
                 r"\bpull QPS exceeded\b")),
        (_TLS, (rf"{_AFTER}x509: ", r"\bfailed to verify certificate\b", r"\bserver gave HTTP response to HTTPS client\b",
                rf"{_AFTER}remote error: tls: ", r"\btls: (?:bad|unknown|expired|first record)\b")),
        (_NETWORK, (r"\bconnection reset by peer\b", r"\bconnection refused\b", r"\bi/o timeout\b", r"\bTLS handshake timeout\b",
                    r"\bno such host\b", r"\bserver misbehaving\b", r"\btemporary failure in name resolution\b", rf"{_AFTER}(?:unexpected )?EOF{_END}",
                    r"\bcontext deadline exceeded\b", r"\bClient\.Timeout exceeded\b", r"\bbroken pipe\b", r"\bnetwork is unreachable\b",
                    r"\bno route to host\b", r"\bproxyconnect tcp\b", r"\bstream error: stream ID\b", r"\bdial tcp\b", r"\bcontext canceled\b",
                    r"\bhttp2: (?:client|server) ", r"\b5\d\d (?:Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out)\b",
                    rf"\b(?:status|status code)\b[^:\n]*: 5\d\d{_END}", rf"{_AFTER}5\d\d [A-Z][a-z]+")),
        (_CREDENTIALS, (r"\b401 Unauthorized\b", r"\b403 Forbidden\b", r"\(Unauthorized\)|\(Forbidden\)", rf"{_AFTER}unauthorized\b", rf"{_AFTER}Unauthorized{_END}",
                        r"\bauthorization failed\b", r"\binsufficient_scope\b", rf"{_AFTER}(?:pull )?access denied\b", r"\bpull access denied\b",
                        rf"{_AFTER}denied: ", rf"{_AFTER}denied{_END}", r"\brequested access to the resource is denied\b",
                        r"\bno basic auth credentials\b", r"\bauthentication required\b", r"\bincorrect username or password\b",
                        rf"{_AFTER}access forbidden{_END}", rf"\bstatus\b[^:\n]*: 40[13]{_END}")),
        (_ABSENT, (rf"{_AFTER}not found{_END}", r"\bmanifest unknown\b", r"\bname unknown\b", r"\brepository (?:name )?not known\b",
                   r"\brepository does not exist\b", r"\b404 Not Found\b", rf"\bstatus\b[^:\n]*: 404{_END}", r"\bNAME_UNKNOWN\b|\bMANIFEST_UNKNOWN\b",
                   r"\bmanifest [^:\n]*(?:: )?is not found\b", r"\bno such manifest\b", rf"{_AFTER}code = NotFound\b|\bcode = NotFound desc = ")),
    )
)  # fmt: skip


def pull(words: str, image: str = "") -> Trouble:
    """Why the pull of `image` failed, from the message; UNKNOWN when no pattern matches."""
    text = _NAMES.sub("NAME", words.replace(image, "IMAGE") if image else words)
    return next((trouble for trouble, pattern in _WORDS if pattern.search(text)), UNKNOWN)
