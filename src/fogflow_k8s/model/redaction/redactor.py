"""The redactor: it masks secrets in texts and in Kubernetes objects.

It finds them in three ways, because no single one is sufficient: by structure (a Secret, an environment variable, an annotation),
by pattern (a private key, an Authorization header, `password=...`), and by value: known secrets are masked everywhere and in
every encoding (`model/redaction/secret_values.py`). It counts the masked places by rule.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MASK = "********"
BY_VALUE = "value of a Secret"
_DROPPED = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "kubernetes.io/change-cause",
)  # they contain whole objects or commands
# Annotations of these domains are shown. Others may contain secrets.
_DOMAINS = ("kubernetes.io", "k8s.io", "x-k8s.io", "helm.sh", "fogflow-k8s.io", "checksum")
# Variables that the chart sets. The value of any other variable is shown only if it is too short for a secret.
PUBLIC_VARIABLES = {
    "ERL_EPMD_ADDRESS": "127.0.0.1",
    "HOME": "/tmp",  # noqa: S108 - a value in the chart
    "PYTHONDONTWRITEBYTECODE": "1",
    "RABBITMQ_CONFIG_FILE": "/etc/fogflow/rabbitmq.conf",
    "RABBITMQ_ENABLED_PLUGINS_FILE": "/etc/fogflow/enabled_plugins",
    "RABBITMQ_NODENAME": "rabbit@localhost",
    "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1} -rabbit total_memory_available_override_value $(MEMORY_LIMIT)",
}
_SHORT = 5

_WORDS = (
    "password", "passwd", "passphrase", "_pwd", "-pwd", "pwd_", "pwd-", "secret", "token", "credential", "cookie", "dockercfg", "dockerconfigjson",
    *(f"{what}{dash}key" for what in ("api", "access", "private") for dash in ("", "_", "-")),
)  # fmt: skip
_NAMES = "|".join(_WORDS)
_SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
# names about a secret that are not secret: secretName, tokenExpirationSeconds, passwordFile, existingSecret
_ABOUT = re.compile(
    r"(?i)(?:names?|namespace|ref|file|path|dir|seconds|ttl|type|mode|policy|ur[il]|endpoint|count|length|size)$|^existing|^.*\.existing[^.]*$"
)
# the number of Secrets in a quota
_COUNTED = re.compile(r"(?:count/)?secrets(?:\.[a-z.]+)?")
_NUMBER = re.compile(r"\d{1,6}")
_PLAIN_IN_SECRETS = (("metadata", "labels"), ("type",), ("immutable",))
_NOTHING = ("", "true", "false", "null", "none", "yes", "no", MASK)


def _rule(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_KEY_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_BASE64 = re.compile(r"[A-Za-z0-9+/=]+")

# Name, words of which the lower-case text must contain one (a fast test), pattern. The repetitions are bounded, so that the time
# for a log line of a megabyte without a space does not grow with the square of its length.
_RULES: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = (
    ("private key", ("private key-----",),
     re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL)),
    ("header", ("authorization", "cookie"),
     _rule(r"(?P<head>(?:authorization|cookie)\\{0,4}[\"']?[ \t]{0,9}[:=][ \t]{0,9}\[?\\{0,4}[\"']?)(?P<value>[^\r\n\"'\\]+)")),
    ("header", ("bearer ", "basic "),
     _rule(r"(?P<head>\b(?:bearer|basic)[ \t]{1,9})(?=[\w+/=.~-]{0,400}[0-9=])(?P<value>[\w+/=.~-]{8,})")),
    ("token", ("eyj",), re.compile(r"(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*")),
    ("token", ("akia", "asia", "gh", "glpat-", "xox"),
     re.compile(r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_\w{36,}|glpat-[\w-]{20,}|xox[abprs]-[\w-]{10,})")),
    ("password in a URL", ("://",), re.compile(r"(?P<head>://[^\s:/@\"']{0,200}:)(?P<value>[^\s\"'<>]{1,400})(?=@)")),
    ("password hash", ("$", "sha"),
     re.compile(r"\$(?:apr1|2[abxy]?|[156y]|argon2\w{1,2})\$[\w./$,=+-]{20,}|\{S?SHA\d{0,3}\}[\w+/=]{20,}")),
    ("named", _WORDS, _rule(
        rf"(?P<head>(?:{_NAMES})(?P<rest>[\w.-]{{0,60}})\\{{0,4}}[\"']?[ \t]{{0,9}}(?:=>|[:=])[ \t]{{0,9}})"
        r"(?P<value>[|>][-+]?[ \t]*\n(?:[ \t]+[^\n]*(?:\n|\Z))+|\\+\"[^\"\n]*\"|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|[^\s\"',;&}\])\[{(][^\s\"',;&}\])]*)"
    )),
    ("flag", _WORDS, _rule(rf"(?P<head>(?<![\w-])--?[\w-]{{0,40}}?(?:{_NAMES})(?P<rest>[\w-]{{0,40}})[ \t]+)(?P<value>[^\s\"'-][^\s\"']*)")),
)  # fmt: skip


class Redactor:
    """Masks texts and objects. `values` are known secrets, in every encoding."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        known = {v for v in values if v.strip("*")}
        self._values = sorted(known, key=lambda v: (-len(v), v))  # a longer one may contain a shorter one
        self._cache: dict[str, tuple[str, Counter[str]]] = {}

    def text(self, text: str, found: Counter[str] | None = None) -> str:
        """The text with all secrets masked; `found` counts the masked places by rule."""
        counted: Counter[str] = Counter()
        masked = self._by_value(_by_pattern(self._by_value(text, counted), counted), counted)
        if found is not None:
            found.update(counted)
        return masked

    def object(self, obj: Mapping[str, Any], found: Counter[str] | None = None) -> dict[str, Any]:
        """A Kubernetes object (or any tree of plain values) without secrets; a Secret keeps the names and sizes of its keys."""
        counted = found if found is not None else Counter()
        return dict(self._node(obj, "", counted))

    def _by_value(self, text: str, found: Counter[str]) -> str:
        for value in self._values:
            while value in text:  # again, because a replacement can join two halves of a value
                found[BY_VALUE] += text.count(value)
                text = text.replace(value, MASK)
        return text

    def _leaf(self, text: str, found: Counter[str]) -> str:
        """As `text`, with a cache for short texts, because many pods contain the same ones."""
        if len(text) > 200:
            return self.text(text, found)
        if text not in self._cache:
            if len(self._cache) > 20_000:
                self._cache.clear()
            counted: Counter[str] = Counter()
            self._cache[text] = self.text(text, counted), counted
        masked, counted = self._cache.get(text) or (self.text(text), Counter())
        found.update(counted)
        return masked

    def _node(self, node: Any, key: str, found: Counter[str]) -> Any:
        if isinstance(node, Mapping):
            if key.lower().endswith("annotations"):  # podAnnotations in values, too
                return self._annotations(node, found)
            if node.get("kind") == "Secret":
                node = _outline(node, found)
            kept = {k: v for k, v in node.items() if k != "managedFields"}
            return {self._leaf(str(k), found): self._node(v, str(k), found) for k, v in kept.items()}
        if isinstance(node, list | tuple):
            if key in ("command", "args"):
                return self._words(node, found)
            return [self._variable(e, found) if key == "env" else self._node(e, key, found) for e in node]
        if names_secret(key) and not isinstance(node, bool) and str(node).lower() not in _NOTHING:
            found["named"] += 1
            return MASK
        return self._leaf(node, found) if isinstance(node, str) else node

    def _annotations(self, annotations: Mapping[str, Any], found: Counter[str]) -> dict[str, Any]:
        kept = {}
        for key, value in annotations.items():
            domain = key.partition("/")[0]
            if key in _DROPPED:
                found["annotation"] += 1
            elif any(domain == d or domain.endswith(f".{d}") for d in _DOMAINS):
                kept[key] = self._node(value, key, found)
            else:
                found["annotation"] += 1
                kept[self._leaf(key, found)] = MASK
        return kept

    def _variable(self, variable: Any, found: Counter[str]) -> Any:
        shown = self._node(variable, "env", found)
        if isinstance(variable, Mapping) and hides_variable(
            str(variable.get("name")), str(variable.get("value") or "")
        ):
            found["variable"] += 1
            return {**shown, "value": MASK}
        return shown

    def _words(self, words: Iterable[Any], found: Counter[str]) -> list[Any]:
        """A command line, where the word after `--password` is a secret, too."""
        kept: list[Any] = []
        before = ""
        for word in words:
            if before.startswith("-") and "=" not in before and names_secret(before) and not str(word).startswith("-"):
                found["flag"] += 1
                kept.append(MASK)
            else:
                kept.append(self._node(word, "", found))
            before = str(word)
        return kept


def redact(text: str) -> str:
    """The text masked by pattern alone, when no secret value is known."""
    return _by_pattern(text, Counter())


def masked(kind: str, path: Sequence[str], value: Any) -> Any:
    """A single field's value as `Redactor.object` shows it; of a Secret only labels, type and immutability are shown."""
    if kind == "Secret":
        plain = any(tuple(path[: len(each)]) == each for each in _PLAIN_IN_SECRETS)
        return value if plain else MASK
    mask = Redactor().object
    *before, last = path or ("value",)
    if before and before[-1].endswith("nnotations"):
        return mask({before[-1]: {last: value}})[before[-1]].get(last, MASK)
    if before and before[-1] == "env":
        return mask({"env": [value]})["env"][0]
    if len(before) > 1 and before[-2] == "env" and last == "value":
        return mask({"env": [{"name": before[-1], last: value}]})["env"][0][last]
    return mask({last: value})[last]


def names_secret(name: str) -> bool:
    """Whether a value of this name is a secret: password, apiKey, AUTH_TOKEN; but not secretName or passwordFile."""
    return bool(_SECRET_NAME.search(name)) and not _ABOUT.search(name)


def hides_variable(name: str, value: str) -> bool:
    """Whether the value of a container's variable is masked: because of its name, or because it is unknown and long enough."""
    if names_secret(name):
        return bool(value)
    return PUBLIC_VARIABLES.get(name) != value and len(value) > _SHORT and not re.fullmatch(r"[\d.]+", value)


def _outline(secret: Mapping[str, Any], found: Counter[str]) -> dict[str, Any]:
    """A Secret without its data: the names of its keys and the size of each value in bytes, as sent (base64 or text)."""
    values = {**(secret.get("data") or {}), **(secret.get("stringData") or {})}
    found["Secret"] += len(values)
    kept = {k: v for k, v in secret.items() if k not in ("data", "stringData")}
    return {**kept, "keys": [{"name": k, "bytes": len(str(v))} for k, v in values.items()]}


def _of_resource(whole: str, ahead: str, head: str, value: str) -> bool:
    """Whether the word is the name of a resource: `secrets=8` of a quota, `.../secrets": EOF`, `Secret: secrets "x" not found`."""
    if _COUNTED.fullmatch(whole) and _NUMBER.fullmatch(value.strip("\\\"'")):
        return True
    if '"' in head and re.search(r"://[^\s\"]*/[\w.-]*$", ahead):  # the end of a URL in quotes
        return True
    return whole == "Secret" and head.startswith("Secret:") and value.startswith(("secrets", '"', "'"))


def _headless_key(text: str, found: Counter[str]) -> str:
    """The text with the lines of a private key masked whose beginning is missing."""
    if not _KEY_END.search(text):
        return text
    lines = text.split("\n")
    inside = False
    for number in range(len(lines) - 1, -1, -1):
        last = (lines[number].split() or [""])[-1]
        if _KEY_END.search(lines[number]):
            inside = True
            found["private key"] += 1
        elif inside and not (len(last) >= 16 and _BASE64.fullmatch(last)):
            inside = False
        if inside:
            lines[number] = MASK
    return "\n".join(lines)


def _by_pattern(text: str, found: Counter[str]) -> str:
    small = text.lower()
    for name, words, pattern in _RULES:
        if not any(word in small for word in words):
            continue
        text = pattern.sub(lambda match, name=name: _masked(match, name, found), text)  # type: ignore[misc]
    return _headless_key(text, found)


def _masked(match: re.Match[str], name: str, found: Counter[str]) -> str:
    parts = match.groupdict()
    if "value" not in parts:
        found[name] += 1
        return MASK
    head, value = parts["head"], parts["value"]
    if "rest" in parts:
        before = re.search(r"[\w.-]*$", match.string[max(0, match.start() - 60) : match.start()])
        whole = (before[0] if before else "") + match.string[match.start() : match.end("rest")]
        ahead = match.string[max(0, match.start("rest") - 400) : match.start("rest")]
        if _ABOUT.search(whole) or _of_resource(whole, ahead, match["head"], value):
            return match[0]
    quote = re.match(r"\\*[\"']", value)
    inner = value.strip("\\\"'")
    if inner.strip().lower() in _NOTHING:
        return match[0]
    found[name] += 1
    if quote:
        return f"{head}{quote[0]}{MASK}{quote[0]}"
    return head + MASK + ("\n" if value.endswith("\n") else "")
