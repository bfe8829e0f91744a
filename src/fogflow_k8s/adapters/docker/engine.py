"""The Docker engine, through its Python SDK: find it, build, save and push images with it.

The engine is found in the same order as the docker command finds it (see `_engine_address`). When it cannot be used,
the error names the exact reason, because "cannot connect" has a dozen causes: no engine, a stopped engine, a missing
group membership, a wrong DOCKER_HOST and others. `check` and `images build` use this module.
"""

from __future__ import annotations

import grp
import io
import os
import pwd
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fogflow_k8s.adapters.docker.hints import remedy_for
from fogflow_k8s.adapters.state_dir import home
from fogflow_k8s.errors import PreflightFailed

SOCKET = "/var/run/docker.sock"
TIMEOUT_S = 5
_LONG_CALL_S = 600  # an engine sends nothing while it unpacks a large layer
_DOCS = "https://docs.docker.com/engine/install"
_INVALID_ADDRESS = ("Invalid bind address", "unsupported protocol", "Unsupported scheme", "Invalid URL")
_START_HINT = "start it: sudo systemctl start docker"


@dataclass(frozen=True)
class EngineStatus:
    """Whether this user can use the Docker engine. `detail` is its version, or the reason why not."""

    usable: bool
    detail: str
    remedy: str = ""


@dataclass(frozen=True)
class EngineAddress:
    """The engine's address, and the setting that it comes from ("" for the default address)."""

    host: str
    source: str = ""
    tls: Any = None

    @property
    def socket(self) -> Path | None:
        """Path of the Unix socket; None when the address is of another kind."""
        return Path("/" + self.host.split("://", 1)[1].lstrip("/")) if self.host.startswith(("unix://", "http+unix://")) else None  # fmt: skip


def engine_status() -> EngineStatus:
    """Return the engine's version, or the exact reason why this user cannot use it."""
    try:
        with connected() as client:
            version = client.version()
    except PreflightFailed as error:
        return EngineStatus(False, error.message, error.hint)
    return EngineStatus(True, f"{version.get('Version')} (API {version.get('ApiVersion')})")


@contextmanager
def connected(timeout_s: float = TIMEOUT_S) -> Iterator[Any]:
    """Connect the SDK to the engine that the `docker` command would use. Raises PreflightFailed with a remedy."""
    import docker
    import requests

    place = _engine_address()
    if (path := place.socket) and (why := _socket_problem(path, place.source)):
        raise why
    try:
        client = docker.DockerClient(
            base_url=place.host,
            tls=place.tls or False,
            timeout=TIMEOUT_S,
            use_ssh_client=place.host.startswith("ssh://"),
        )
        client.ping()
    except (docker.errors.DockerException, requests.exceptions.RequestException, OSError, ValueError) as error:
        raise _connection_problem(place, error) from error
    client.api.timeout = timeout_s
    try:
        yield client
    finally:
        client.close()


def platform() -> str:
    """Return the platform of the engine's images, e.g. linux/amd64. Raises PreflightFailed."""
    with connected() as client:
        version = client.version()
    return f"{version.get('Os', 'linux')}/{version.get('Arch', 'amd64')}"


def build(context: bytes, name: str, platform: str, arguments: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Build an image from a context (a tar with a Containerfile); return the image's id and the digests of its layers.

    Raises PreflightFailed with the engine's message.
    """
    with connected(_LONG_CALL_S) as client, _sdk_errors_as(f"the Docker engine could not build {name}"):
        lines = client.api.build(
            fileobj=io.BytesIO(context), custom_context=True, dockerfile="Containerfile", tag=name, platform=platform,
            buildargs=dict(arguments), rm=True, forcerm=True, decode=True,
        )  # fmt: skip
        _read_progress(lines)
        about = client.images.get(name).attrs
    return str(about["Id"]), tuple(about["RootFS"]["Layers"])


def save(name: str) -> Iterator[bytes]:
    """Stream an image of the engine as an archive. Raises PreflightFailed."""
    with connected(_LONG_CALL_S) as client, _sdk_errors_as(f"the Docker engine cannot save image {name}"):
        yield from client.images.get(name).save(named=name)


def push(name: str, target: str) -> str:
    """Tag an image of the engine for a registry and push it; return its digest. Raises PreflightFailed."""
    repository, _, tag = target.rpartition(":")
    with connected(_LONG_CALL_S) as client, _sdk_errors_as(f"{target} could not be pushed"):
        client.api.tag(name, repository, tag)
        digest = ""
        for line in _read_progress(client.api.push(repository, tag=tag, stream=True, decode=True)):
            digest = str((line.get("aux") or {}).get("Digest") or digest)
    return digest


def _read_progress(lines: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return all progress messages of the engine. Raises the SDK's APIError for a message that reports an error."""
    import docker

    messages = []
    for line in lines:
        if error := line.get("error"):
            raise docker.errors.APIError(str(error))
        messages.append(line)
    return messages


@contextmanager
def _sdk_errors_as(what: str) -> Iterator[None]:
    """Turn the SDK's exceptions into PreflightFailed; `what` starts the message."""
    import docker
    import requests

    try:
        yield
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        text = str(getattr(error, "explanation", None) or error).strip()
        raise PreflightFailed(f"{what}: {text[-300:]}", hint=remedy_for(text)) from error


def _engine_address() -> EngineAddress:
    """Return the address by the docker command's rules: DOCKER_HOST, DOCKER_CONTEXT, then the context in config.json.

    Raises PreflightFailed.
    """
    if host := os.environ.get("DOCKER_HOST"):
        from docker.errors import DockerException
        from docker.utils import kwargs_from_env

        try:
            return EngineAddress(host, "DOCKER_HOST", kwargs_from_env().get("tls"))
        except DockerException as error:
            raise PreflightFailed(
                f"DOCKER_TLS_VERIFY and DOCKER_CERT_PATH: {error}", hint="unset them, or correct them"
            ) from error
    name = os.environ.get("DOCKER_CONTEXT", "")
    source = "DOCKER_CONTEXT" if name else "docker's config.json"
    if not name and not _has_config_file():
        return EngineAddress(f"unix://{SOCKET}")
    from docker.context import ContextAPI, config

    name = name or str(config.get_current_context_name() or "default")
    if name == "default":
        return EngineAddress(f"unix://{SOCKET}")
    try:
        found = ContextAPI.get_context(name)
    except Exception as error:  # the SDK raises nothing more precise for a broken file
        raise PreflightFailed(
            f"the docker context {name} ({source}) cannot be read: {error}", hint="docker context ls"
        ) from error
    if found is None:
        raise PreflightFailed(
            f"there is no docker context {name}, which {source} names", hint="docker context use default"
        )
    return EngineAddress(str(found.Host or f"unix://{SOCKET}"), f"docker context {name}", found.TLSConfig)


def _has_config_file() -> bool:
    folder = os.environ.get("DOCKER_CONFIG") or home() / ".docker"
    return Path(folder, "config.json").exists()


def _socket_problem(path: Path, source: str) -> PreflightFailed | None:
    """Return the reason why connecting to the socket fails; None when it succeeds."""
    origin = f" ({source})" if source else ""
    with socket.socket(socket.AF_UNIX) as knock:
        knock.settimeout(TIMEOUT_S)
        try:
            knock.connect(str(path))
        except FileNotFoundError:
            return _no_socket_problem(path, source)
        except PermissionError:
            return PreflightFailed(f"this user has no permission for {path}{origin}", hint=_permission_hint(path))
        except OSError as error:
            if not path.is_socket():
                return PreflightFailed(
                    f"{path}{origin} is not a socket", hint="set it to the socket of a Docker engine"
                )
            what = (
                "is down"
                if isinstance(error, ConnectionRefusedError)
                else f"does not answer: {error.strerror or error}"
            )
            return PreflightFailed(f"the Docker engine at {path}{origin} {what}", hint=_START_HINT)
    return None


def _no_socket_problem(path: Path, source: str) -> PreflightFailed:
    if source:
        what = "unset DOCKER_HOST" if source == "DOCKER_HOST" else "docker context use default"
        return PreflightFailed(
            f"no Docker engine: {path} does not exist ({source})", hint=f"start that engine, or: {what}"
        )
    rootless = _rootless_socket()
    if rootless.exists():
        return PreflightFailed(
            "only a rootless Docker engine is running, but docker's context points to another engine", hint=f"docker context use rootless, or: export DOCKER_HOST=unix://{rootless}"
        )  # fmt: skip
    installed = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    return PreflightFailed(
        f"no Docker engine is {'running' if installed else 'installed'}: {path} does not exist",
        hint=_START_HINT if installed else f"install and start it: {_DOCS}",
    )


def _rootless_socket() -> Path:
    return Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}") / "docker.sock"


def _permission_hint(path: Path) -> str:
    """Return how this user can get access to the socket: through its group, if that group is meant for users."""
    if _rootless_socket().exists():
        return "use the rootless engine: docker context use rootless"
    try:
        user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(path.stat().st_gid)
    except (KeyError, OSError):
        return f"ask an administrator for access; its owner and mode: sudo ls -l {path}"
    if user in group.gr_mem:
        return f"{user} joined group {group.gr_name} after this login: log in again, or: newgrp {group.gr_name}"
    if group.gr_name == "root":
        return "give the socket to a group: sudo groupadd -f docker && sudo systemctl restart docker.socket docker, then join that group"
    return f"sudo usermod -aG {group.gr_name} {user}, then log in again (members of that group have root's power)"


def _connection_problem(place: EngineAddress, error: Exception) -> PreflightFailed:
    """Return the error for a failure of the SDK: after the socket was opened, or with an engine reached over a network."""
    text, where = str(error), place.host + (f" ({place.source})" if place.source else "")
    if any(sign in text for sign in _INVALID_ADDRESS):
        return PreflightFailed(
            f"{where} is not the address of a Docker engine",
            hint="write unix:///path, tcp://host:2376 or ssh://user@host",
        )
    if "timed out" in text.lower():
        return PreflightFailed(
            f"the Docker engine at {where} gave no answer within {TIMEOUT_S} s",
            hint="restart it: sudo systemctl restart docker",
        )
    if "Connection refused" in text:
        return PreflightFailed(
            f"the Docker engine at {where} is down", hint="start it, or correct its address: docker context ls"
        )
    if "too old" in text.lower():
        return PreflightFailed(f"the Docker engine at {where} is too old: {text[-200:]}", hint=f"update it: {_DOCS}")
    return PreflightFailed(f"the Docker engine at {where} cannot be used: {text[-200:]}", hint="docker version")
