"""Convert the config.json of existing FogFlow installations to the values of this chart.

FogFlow renamed keys over the years, and many of them belong to its Docker setup. `adopt` accepts all of them: it ignores keys
without effect on Kubernetes, moves keys that were renamed or belong elsewhere, and replaces values that are not possible on
Kubernetes. Each of these produces a note for the user. All other keys stay in `config`, where the model refuses unknown ones
with file and line. In values.yaml, which Helm also reads without this tool, the same keys are refused (config_keys.advice).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import unquote, urlsplit

from fogflow_k8s.model.settings.config import ALIASES, FogflowConfig
from fogflow_k8s.model.settings.config_keys import (
    MOVED,
    RENAMED,
    REPLACED,
    UNUSED,
    UPSTREAM_VALUES,
    KeyPath,
    Path,
    Unused,
    dotted,
)

_PULL_SECRET = "fogflow-registry"  # noqa: S105 - the name of a Secret
_PORTS: tuple[Path, ...] = (
    ("discovery", "http_port"),
    ("broker", "http_port"),
    ("master", "ngsi_agent_port"),
    ("master", "rest_api_port"),
    ("designer", "webSrvPort"),
    ("designer", "agentPort"),
)
_FIRST_FREE_PORT = 1024


@dataclass(frozen=True)
class Note:
    """A message about the conversion of a key of config.json; `path` is its path in the file, empty for a note about several keys."""

    path: Path
    text: str


@dataclass(frozen=True)
class Adopted:
    """Values from a config.json; `places` maps each path in values.yaml that differs from the path in the file to the latter."""

    values: dict[str, Any]
    places: Mapping[KeyPath, Path] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()


def adopt(data: Mapping[str, Any]) -> Adopted:
    """Convert a config.json of any generation to values, with notes for the user."""
    reading = _Reading({key: dict(each) if isinstance(each, Mapping) else each for key, each in data.items()})
    reading.read()
    return Adopted(reading.values, reading.places, tuple(reading.notes))


def adopt_values(data: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Note, ...]]:
    """Remove the keys of upstream's chart that have no effect here from a values.yaml; return the rest and notes for the user."""
    found = [path for path in UPSTREAM_VALUES if path[0] in data]
    kept = {key: value for key, value in data.items() if (key,) not in found}
    return kept, tuple(_ignored(found, UPSTREAM_VALUES))


@dataclass
class _Reading:
    """The state of one conversion: each step removes from `config` the keys that it handles."""

    config: dict[str, Any]
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, Path] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def read(self) -> None:
        self.config.pop("$schema", None)  # only for editors
        self.values["config"] = self.config
        self.places |= {("config", name): (alias,) for alias, name in ALIASES.items() if alias in self.config}
        self._move()
        self._message_bus()
        self._login()
        self._registry()
        self._rename()
        self._replace()
        self._site()
        self._ports()
        self._ignore()

    def _take(self, path: Path) -> Any:
        """Remove and return the value at `path`, which must exist; also remove a section that becomes empty."""
        if len(path) == 1:
            return self.config.pop(path[0])
        section = self.config[path[0]]
        value = section.pop(path[1])
        if not section:
            del self.config[path[0]]
        return value

    def _has(self, path: Path) -> bool:
        holder = self.config if len(path) == 1 else self.config.get(path[0])
        return isinstance(holder, dict) and path[-1] in holder

    def _put(self, to: KeyPath, value: Any, came_from: Path) -> bool:
        """Set the path `to` in values.yaml to `value`, unless it is set already. Return whether it was set."""
        holder: Any = self.values
        for part in to[:-1]:
            holder = holder.setdefault(part, {})
            if not isinstance(holder, dict):
                return False
        if to[-1] in holder:
            return False
        holder[to[-1]] = value
        self.places[to] = came_from
        return True

    def _say(self, path: Path, text: str) -> None:
        self.notes.append(Note(path, text))

    def _move(self) -> None:
        for path, to in MOVED.items():
            if self._has(path):
                self._put(to, self._take(path), path)

    def _message_bus(self) -> None:
        url = self.config.get("message_bus")
        login = _login_of(url) if isinstance(url, str) else None
        if login is None:
            return  # missing, or invalid: the model reports that
        path = ("message_bus",)
        self._take(path)
        put = [key for key, value in login.items() if value and self._put(("rabbitmq", "auth", key), value, path)]
        read = " and ".join(f"its {key} is read as rabbitmq.{key}" for key in put)
        self._say(path, f"{read or 'its login is ignored'}; {UNUSED['rabbitmq', 'host_ip'].instead}")

    def _login(self) -> None:
        """Remove the user guest, which RabbitMQ accepts from localhost only."""
        auth = (self.values.get("rabbitmq") or {}).get("auth") or {}
        if auth.get("username") != "guest":
            return
        came_from = self.places.pop(("rabbitmq", "auth", "username"))
        del auth["username"]
        self._say(came_from, "RabbitMQ accepts the user guest from localhost only; the user fogflow is used")

    def _registry(self) -> None:
        path = ("worker", "registry")
        if self._has(path):
            app_namespace = self.config["worker"].get("app_namespace")
            if registry := self._take(path):
                self._say(path, _pull_secret(registry, app_namespace))

    def _rename(self) -> None:
        for path, to in RENAMED.items():
            if not self._has(path):
                continue
            if self._put(to, self._take(path), path):
                self._say(path, f"older name of {dotted(to[1:])}, and read as that")
            else:
                self._say(path, f"ignored: older name of {dotted(to[1:])}, which is given")

    def _replace(self) -> None:
        for path, known in REPLACED.items():
            if self._has(path):
                section = self.config[path[0]]
                value = section[path[1]]
                if any(type(value) is type(each) and value == each for each in known.values):
                    self._take(path)
                    shown = str(value).lower() if isinstance(value, bool) else value
                    self._say(path, f"{shown} is read as {known.by}: {known.reason}")

    def _site(self) -> None:
        given = self.config.get("site_id")
        if isinstance(given, str) and (plain := re.sub("[^A-Za-z0-9]", "", given)) and plain != given:
            self.config["site_id"] = plain
            self._say(("site_id",), f"only letters and digits here: read as {plain}; no other site may have the same")

    def _ports(self) -> None:
        """Replace ports on which a container without root cannot listen, and ports of renamed keys that another component uses here."""
        for path in _PORTS:
            port = self.config[path[0]][path[1]] if self._has(path) else None
            if type(port) is not int:
                continue
            own = self.places.get(("config", *path), path)
            user = self._user_of(port, path) if own != path else ""
            if 0 < port < _FIRST_FREE_PORT:
                why = f"a program without root cannot listen on {port}"
            elif user:
                why = f"{port} is the port of {user} here"
            else:
                continue
            self._take(path)
            free = next(each for each in count(_default(path)) if not self._user_of(each, path))
            self._put(("config", *path), free, own)
            self._say(own, f"{why}: {free} is used inside the cluster; clients use the reverse proxy on port 80")

    def _user_of(self, port: int, but: Path) -> str:
        """The key of another component with this port, set or by default; "" when the port is free."""
        for path in _PORTS:
            its = self.config[path[0]][path[1]] if self._has(path) else _default(path)
            if path != but and port == its:
                return dotted(path)
        return ""

    def _ignore(self) -> None:
        default_port = (("rabbitmq", "port"), 5672)  # it is the default, so it needs no note
        found = [path for path in UNUSED if self._has(path) and (path, self._take(path)) != default_port]
        self.notes += _ignored(found, UNUSED)


def _ignored(paths: list[Path], table: Mapping[Path, Unused]) -> Iterator[Note]:
    """Yield one note for all keys without effect, grouped by what replaces them; nothing without such keys."""
    groups: dict[str, list[str]] = {}
    for path in paths:
        groups.setdefault(table[path].instead, []).append(dotted(path))
    if groups:
        listed = [", ".join(keys) + (f" ({instead})" if instead else "") for instead, keys in groups.items()]
        yield Note((), f"no effect on Kubernetes, ignored: {'; '.join(listed)}")


def _login_of(url: str) -> dict[str, str] | None:
    """The decoded user and password of an amqp:// or amqps:// URL; None for any other text."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in {"amqp", "amqps"} or not parts.netloc or ("@" in url and "@" not in parts.netloc):
        return None  # the last condition: a password that contains a / without percent-encoding
    return {"username": unquote(parts.username or ""), "password": unquote(parts.password or "")}


def _pull_secret(registry: Any, app_namespace: Any) -> str:
    """The note with the commands that create a pull secret for `registry`. It never contains the password: docker login asks for it."""
    known = registry if isinstance(registry, Mapping) else {}
    server = next((str(known[key]) for key in ("server_address", "serveraddress") if known.get(key)), "")
    user = str(known.get("username") or "")
    namespace = app_namespace if isinstance(app_namespace, str) and app_namespace else "fogflow-tasks"
    login = shlex.join(["docker", "login", *(["--username", user] if user else []), *([server] if server else [])])
    patch = shlex.quote(f'{{"imagePullSecrets": [{{"name": "{_PULL_SECRET}"}}]}}')
    return (
        f"not used, and its password is not copied: tasks pull with a Secret of their namespace. Make it after deploy: {login} && "
        f"kubectl -n {shlex.quote(namespace)} create secret docker-registry {_PULL_SECRET} "
        "--from-file=.dockerconfigjson=$HOME/.docker/config.json && "
        f"kubectl -n {shlex.quote(namespace)} patch serviceaccount default -p {patch}"
    )


def _default(path: Path) -> Any:
    section = getattr(FogflowConfig(), path[0]).model_dump(by_alias=True)
    return section[path[1]]
