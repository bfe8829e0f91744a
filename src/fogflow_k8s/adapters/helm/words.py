"""What Helm writes to stderr when it fails: which problem it reports, and of which sort it is.

Helm puts what it was doing before the problem (`UPGRADE FAILED: `, `query: failed to query with labels: `), so a
pattern is anchored behind those prefixes: what follows may quote webhooks, policies and programs. The lines come from
Helm 3.19 and 4.3. Only these patterns know them; what matches none is reported as Helm wrote it.
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
# how Helm names the object that it was at
_OBJECTS = (
    re.compile(r"object (?:[^\s/]*/)?(?P<name>\S+) \S+, Kind=(?P<kind>\w+): "),
    re.compile(r'cannot patch "(?P<name>[^"]*)" with kind (?P<kind>\w+): '),
    re.compile(r'about the resource (?P<kind>\w+) "(?P<name>[^"]*)" in namespace '),
)
_LOG = re.compile(
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
    r"|(?:Forbidden|Proxy Authentication Required|Bad Gateway|Service Unavailable|Gateway Timeout)$"  # a proxy's
)
_BROKEN = re.compile(
    r"(?:TLS handshake timeout|i/o timeout|connection reset by peer|broken pipe|EOF|client connection lost"
    r"|context deadline exceeded|Client\.Timeout exceeded[^:]*)$"
)
_LOGIN = re.compile(
    r"(?:kubernetes cluster unreachable: )?(?:Unauthorized$|the server has asked for the client to provide credentials)",
    re.IGNORECASE,
)
_LATE = re.compile(r"(?:^|: )(?:timed out waiting for the condition|context deadline exceeded)$", re.MULTILINE)
_UNREADY = re.compile(r"resource (?P<kind>Job|Pod)/[^/\s]*/(?P<name>[^/\s]+) not ready")
_ENDED = re.compile(r"(?P<kind>job|pod) (?P<name>\S+) failed")
_FOLLOWS = re.compile(r"(?:context (?:canceled|deadline exceeded)|timed out waiting for the condition)$")
_NO_RELEASE = re.compile(r'release: not found|(?:"[^"]*" )?has no deployed releases')
_LOCKED = re.compile(r"another operation \(.*\) is in progress")
_CONFLICT = re.compile(r"Apply failed with \d+ conflicts?\b")
_SCHEMA = re.compile(r"values don't meet the specifications of the schema")


@dataclass(frozen=True)
class Hook:
    """A hook that failed: its event, like `pre-delete`, and the kind and name of its object; "" for what Helm leaves out.

    `late`: it did not end within Helm's timeout.
    """

    event: str = ""
    kind: str = ""
    name: str = ""
    late: bool = False

    @property
    def object(self) -> str:
        """Its object, like `job/cleanup`; "" when it is not known."""
        return f"{self.kind.lower()}/{self.name}" if self.name else ""

    def __str__(self) -> str:
        what = f"the {self.event} hook" if self.event else "a hook"
        named = f" ({self.kind} {self.name})" if self.name else ""
        return f"{what}{named} {'did not end in time' if self.late else 'failed'}"


@dataclass(frozen=True)
class Problem:
    """What Helm reports, the first real problem first.

    `text` has Helm's own words, without log lines; `core` is the first problem without Helm's prefixes; `event` is that
    of the hook during which it came about.
    """

    text: str
    core: str
    event: str = ""

    @property
    def no_release(self) -> bool:
        """Helm knows no (deployed) release of that name."""
        return bool(_NO_RELEASE.match(self.core))

    @property
    def locked(self) -> bool:
        """Another operation on the release is in progress, as far as Helm knows."""
        return bool(_LOCKED.match(self.core))

    @property
    def conflict(self) -> bool:
        """Another field manager owns a field that the release sets."""
        return bool(_CONFLICT.match(self.core))

    @property
    def bad_values(self) -> bool:
        """The values do not fit the chart's schema."""
        return bool(_SCHEMA.match(self.core))

    @property
    def no_login(self) -> bool:
        """The API server does not accept the credentials."""
        return bool(_LOGIN.match(self.core))

    @property
    def unreachable(self) -> bool:
        """A request of Helm's own did not reach the API server. One of the API server's to a webhook does not count."""
        asked = _REQUEST.match(self.core)
        return bool(_UNREACHABLE.match(self.core) or (asked and _NETWORK.match(asked["why"])))

    @property
    def interrupted(self) -> bool:
        """A request of Helm's own was on its way to the API server and broke: the same one may succeed at once."""
        return self.unreachable and bool(_BROKEN.search(self.core))

    @property
    def object(self) -> str:
        """The object that Helm was at, like `Service "nginx"`; "" when it names none."""
        found = next((m for pattern in _OBJECTS if (m := pattern.search(self.text))), None)
        return f'{found["kind"]} "{found["name"]}"' if found else ""

    @property
    def hook(self) -> Hook | None:
        """The hook that failed. This tool lets Helm wait for hooks only, so a wait that took too long was for one."""
        about = _UNREADY.match(self.core) or _ENDED.match(self.core)
        late = bool(_LATE.search(self.text))
        if not self.event and not about and not _LATE.match(self.core):
            return None
        return Hook(self.event, *((about["kind"].capitalize(), about["name"]) if about else ("", "")), late=late)


def problem(stderr: str, stdout: str = "") -> Problem | None:
    """What Helm reports; None when it wrote nothing that says why it failed."""
    text = (_errors(stderr) or _logged(stderr) or stdout).strip().removeprefix("Error: ")
    if not text:
        return None
    lead, parts = _parts(text)
    first = next((p for p in parts if not _FOLLOWS.match(_core(p)[0])), parts[0])
    core, event = _core(lead + first)
    return Problem("\n".join([lead + first, *(p for p in parts if p is not first)]), core, event)


def _errors(stderr: str) -> str:
    """The lines from the one that begins with `Error: `; without one, all that are no log lines."""
    lines = [line for line in stderr.splitlines() if line.strip() and not _LOG.match(line)]
    start = next((i for i, line in enumerate(lines) if line.startswith("Error: ")), 0)
    return "\n".join(lines[start:])


def _logged(stderr: str) -> str:
    """The last error that Helm 4 logged, for when it logs why it cannot start and prints nothing; "" when there is none."""
    logged = [dict(_FIELD.findall(line)) for line in stderr.splitlines() if _LOG.match(line) and "level=" in line]
    errors = [_unquoted(fields["error"]) for fields in logged if fields.get("error")]
    told = [
        _unquoted(fields["msg"]) for fields in logged if fields.get("level") in {"ERROR", "WARN"} and "msg" in fields
    ]
    return next(iter((errors or told)[-1:]), "")


def _unquoted(value: str) -> str:
    try:
        return str(json.loads(value)) if value.startswith('"') else value
    except ValueError:  # Go escapes more than JSON knows
        return value.strip('"')


def _parts(text: str) -> tuple[str, list[str]]:
    """The words before a list of errors, and its members: Helm joins them by bullets, `&&`, `;` or line ends."""
    if found := re.search(r"\d+ errors? occurred:\s*\* ", text):
        return text[: found.start()], re.split(r"\s+\* ", text[found.end() :].strip())
    if found := re.search(r"completed with \d+ error\(s\): ", text):
        return text[: found.end()], text[found.end() :].split("; ")
    if " && " in text and all(any(p.match(part) for p in _PREFIXES) for part in text.split(" && ")):
        return "", text.split(" && ")
    lines = text.splitlines()
    joined = len(lines) > 1 and all(_UNREADY.search(line) or _FOLLOWS.match(line) for line in lines)
    return "", lines if joined else [text]


def _core(text: str) -> tuple[str, str]:
    """The text without what Helm puts before the problem, and the event of the hook that this names."""
    left, event = text.strip(), ""
    while found := next((m for pattern in (*_PREFIXES, *_HOOKS) if (m := pattern.match(left))), None):
        event = found.groupdict().get("event") or event
        left = left[found.end() :]
    return left, event
