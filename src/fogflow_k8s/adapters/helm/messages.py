"""Parse what Helm writes to stderr when it fails: which problem it reports, and of which kind.

Helm puts its current step before the problem (`UPGRADE FAILED: `, `query: failed to query with labels: `). A pattern
is therefore anchored behind these prefixes; text further on may quote webhooks, policies and programs. The patterns
come from messages of Helm 3.19 and 4.3, and this is the only module that has them. A message that matches none is
shown as Helm wrote it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_HOOKS = tuple(
    re.compile(pattern.replace("EVENT", r"(?P<event>(?:pre|post)-(?:install|upgrade|rollback|delete))"))
    for pattern in (r"failed EVENT: ", r"EVENT hooks failed: ", r"warning: Hook EVENT \S+ failed: ")
)
_PREFIXES = tuple(
    re.compile(pattern)
    for pattern in (
        r"Error: ",
        r"(?:UPGRADE|INSTALLATION|ROLLBACK|UNINSTALLATION) FAILED: ",
        r"release \S+ failed(?:, and has been [^:]*)?: ",
        r"uninstall(?:ation completed with \d+ error\(s\)|: Release not loaded: \S+|: Failed to purge the release): ",
        r"(?:query|list|create|update|get|delete): failed to [\w ]+(?: \"[^\"]*\")?: ",
        r"failed to (?:create|replace|refresh|delete)[\w ]*(?: namespace=\S+, name=\S+, kind=\S+)?: ",
        r"unable to (?:build kubernetes objects? (?:from|for)[\w ]*|continue with \w+): ",
        r"(?:cluster reachability|release name) check failed: ",
        r"could not get information about the resource(?: \w+ \"[^\"]*\" in namespace \"[^\"]*\")?: ",
        r"(?:server-side apply failed for|failed to [\w ]+) object \S+ \S+, Kind=\w+: ",
        r"could not get (?:apiVersions|server version) from Kubernetes: ",
        r"conflict occurred(?: while applying object \S+ \S+, Kind=\w+)?: ",
        r"cannot patch \"[^\"]*\" with kind \w+: ",
    )
)
# how Helm names the object that it was processing
_OBJECT_NAMES = (
    re.compile(r"object (?:[^\s/]*/)?(?P<name>\S+) \S+, Kind=(?P<kind>\w+): "),
    re.compile(r'cannot patch "(?P<name>[^"]*)" with kind (?P<kind>\w+): '),
    re.compile(r'about the resource (?P<kind>\w+) "(?P<name>[^"]*)" in namespace '),
)
_LOG_LINE = re.compile(
    r"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ |\d{4}/\d\d/\d\d \d\d:\d\d:\d\d |(?:time=\S+ )?level=|WARNING|\w+\.go:\d+: "
)
_FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)')
_UNREACHABLE = re.compile(r"kubernetes cluster unreachable", re.IGNORECASE)
_REQUEST = re.compile(
    r'(?:Get|Head|Post|Put|Patch|Delete) "https?://[^/"]+(?:/[^"]*?)?'
    r'/(?:api(?:/v\d[^"]*|\?[^"]*)?|apis(?:[/?][^"]*)?|version(?:\?[^"]*)?|openapi/[^"]*)": (?P<why>.*)',
    re.DOTALL,
)
_NETWORK = re.compile(
    r"dial |lookup |read |write |proxyconnect |unexpected EOF|EOF$|i/o timeout|net/http: |http2?: |stream error: |tls: |x509: "
    r"|remote error: |connection |context deadline exceeded|getting credentials: "
    r"|(?:Forbidden|Proxy Authentication Required|Bad Gateway|Service Unavailable|Gateway Timeout)$"  # answers of a proxy
)
_INTERRUPTED = re.compile(
    r"(?:TLS handshake timeout|i/o timeout|connection reset by peer|broken pipe|EOF|client connection lost"
    r"|context deadline exceeded|Client\.Timeout exceeded[^:]*)$"
)
_UNAUTHORIZED = re.compile(
    r"(?:kubernetes cluster unreachable: )?(?:Unauthorized$|the server has asked for the client to provide credentials)",
    re.IGNORECASE,
)
_TIMED_OUT = re.compile(r"(?:^|: )(?:timed out waiting for the condition|context deadline exceeded)$", re.MULTILINE)
_HOOK_NOT_READY = re.compile(r"resource (?P<kind>Job|Pod)/[^/\s]*/(?P<name>[^/\s]+) not ready")
_HOOK_FAILED = re.compile(r"(?P<kind>job|pod) (?P<name>\S+) failed")
_FOLLOW_UP = re.compile(r"(?:context (?:canceled|deadline exceeded)|timed out waiting for the condition)$")
_NO_RELEASE = re.compile(r'release: not found|(?:"[^"]*" )?has no deployed releases')
_LOCKED = re.compile(r"another operation \(.*\) is in progress")
_CONFLICT = re.compile(r"Apply failed with \d+ conflicts?\b")
_SCHEMA = re.compile(r"values don't meet the specifications of the schema")


@dataclass(frozen=True)
class Hook:
    """A failed hook: its event, like `pre-delete`, and the kind and name of its object; "" for what Helm does not name.

    `timed_out`: it did not finish within Helm's timeout.
    """

    event: str = ""
    kind: str = ""
    name: str = ""
    timed_out: bool = False

    @property
    def object(self) -> str:
        """Its object, like `job/cleanup`; "" when unknown."""
        return f"{self.kind.lower()}/{self.name}" if self.name else ""

    def __str__(self) -> str:
        what = f"the {self.event} hook" if self.event else "a hook"
        named = f" ({self.kind} {self.name})" if self.name else ""
        return f"{what}{named} {'did not end in time' if self.timed_out else 'failed'}"


@dataclass(frozen=True)
class Problem:
    """A failure that Helm reports; the first of several.

    `text` is Helm's message without log lines; `core` is the problem without Helm's prefixes; `event` is the event of the
    hook that was running.
    """

    text: str
    core: str
    event: str = ""

    @property
    def release_not_found(self) -> bool:
        """The release does not exist, or no revision of it is deployed."""
        return bool(_NO_RELEASE.match(self.core))

    @property
    def locked(self) -> bool:
        """Helm reports another operation in progress on the release."""
        return bool(_LOCKED.match(self.core))

    @property
    def conflict(self) -> bool:
        """Another field manager owns a field that the release sets."""
        return bool(_CONFLICT.match(self.core))

    @property
    def schema_violation(self) -> bool:
        """The values do not fit the chart's schema."""
        return bool(_SCHEMA.match(self.core))

    @property
    def unauthorized(self) -> bool:
        """The API server does not accept the credentials."""
        return bool(_UNAUTHORIZED.match(self.core))

    @property
    def unreachable(self) -> bool:
        """Helm's own request did not reach the API server. The API server's request to a webhook does not count."""
        asked = _REQUEST.match(self.core)
        return bool(_UNREACHABLE.match(self.core) or (asked and _NETWORK.match(asked["why"])))

    @property
    def interrupted(self) -> bool:
        """Helm's own request broke on its way to the API server: the same request may succeed at once."""
        return self.unreachable and bool(_INTERRUPTED.search(self.core))

    @property
    def object(self) -> str:
        """The object that Helm was processing, like `Service "nginx"`; "" when it names none."""
        found = next((m for pattern in _OBJECT_NAMES if (m := pattern.search(self.text))), None)
        return f'{found["kind"]} "{found["name"]}"' if found else ""

    @property
    def hook(self) -> Hook | None:
        """The failed hook. In this tool, Helm waits for hooks only, so a wait that timed out was for a hook."""
        named_object = _HOOK_NOT_READY.match(self.core) or _HOOK_FAILED.match(self.core)
        timed_out = bool(_TIMED_OUT.search(self.text))
        if not self.event and not named_object and not _TIMED_OUT.match(self.core):
            return None
        return Hook(
            self.event,
            *((named_object["kind"].capitalize(), named_object["name"]) if named_object else ("", "")),
            timed_out=timed_out,
        )


def parse_problem(stderr: str, stdout: str = "") -> Problem | None:
    """Return the failure that Helm reports; None when its output has no reason."""
    text = (_error_lines(stderr) or _last_logged_error(stderr) or stdout).strip().removeprefix("Error: ")
    if not text:
        return None
    lead, parts = _split_problems(text)
    first = next((p for p in parts if not _FOLLOW_UP.match(_strip_prefixes(p)[0])), parts[0])
    core, event = _strip_prefixes(lead + first)
    return Problem("\n".join([lead + first, *(p for p in parts if p is not first)]), core, event)


def _error_lines(stderr: str) -> str:
    """Return the lines from the first `Error: ` on; without one, all lines that are not log lines."""
    lines = [line for line in stderr.splitlines() if line.strip() and not _LOG_LINE.match(line)]
    start = next((i for i, line in enumerate(lines) if line.startswith("Error: ")), 0)
    return "\n".join(lines[start:])


def _last_logged_error(stderr: str) -> str:
    """Return the last error in Helm 4's log, for failures that it logs and does not print; "" when there is none."""
    logged = [dict(_FIELD.findall(line)) for line in stderr.splitlines() if _LOG_LINE.match(line) and "level=" in line]
    errors = [_unquote(fields["error"]) for fields in logged if fields.get("error")]
    warnings = [
        _unquote(fields["msg"]) for fields in logged if fields.get("level") in {"ERROR", "WARN"} and "msg" in fields
    ]
    return next(iter((errors or warnings)[-1:]), "")


def _unquote(value: str) -> str:
    try:
        return str(json.loads(value)) if value.startswith('"') else value
    except ValueError:  # Go has escapes that JSON does not have
        return value.strip('"')


def _split_problems(text: str) -> tuple[str, list[str]]:
    """Split a list of errors into the text before it and its members; Helm joins them by bullets, `&&`, `;` or line ends."""
    if found := re.search(r"\d+ errors? occurred:\s*\* ", text):
        return text[: found.start()], re.split(r"\s+\* ", text[found.end() :].strip())
    if found := re.search(r"completed with \d+ error\(s\): ", text):
        return text[: found.end()], text[found.end() :].split("; ")
    if " && " in text and all(any(p.match(part) for p in _PREFIXES) for part in text.split(" && ")):
        return "", text.split(" && ")
    lines = text.splitlines()
    joined = len(lines) > 1 and all(_HOOK_NOT_READY.search(line) or _FOLLOW_UP.match(line) for line in lines)
    return "", lines if joined else [text]


def _strip_prefixes(text: str) -> tuple[str, str]:
    """Return the text without Helm's prefixes, and the event of the hook that the prefixes name."""
    left, event = text.strip(), ""
    while found := next((m for pattern in (*_PREFIXES, *_HOOKS) if (m := pattern.match(left))), None):
        event = found.groupdict().get("event") or event
        left = left[found.end() :]
    return left, event
