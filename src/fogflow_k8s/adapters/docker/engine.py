"""The Docker engine, through its SDK: found as the docker program finds it, and why it cannot be used when it cannot."""

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

from fogflow_k8s.adapters.docker.hints import mend_of
from fogflow_k8s.adapters.state_dir import home
from fogflow_k8s.errors import PreflightFailed

SOCKET = "/var/run/docker.sock"
TIMEOUT_S = 5
_LOAD_S = 600  # an engine unpacks large layers without a word
_DOCS = "https://docs.docker.com/engine/install"
_NO_ADDRESS = ("Invalid bind address", "unsupported protocol", "Unsupported scheme", "Invalid URL")
_START = "start it: sudo systemctl start docker"


@dataclass(frozen=True)
class Engine:
    """Whether the Docker engine can be used by this user, and why not."""

    usable: bool
    fact: str
    mend: str = ""


@dataclass(frozen=True)
class Place:
    """Where the engine is said to be, and by whom ("" for the default)."""

    host: str
    by: str = ""
    tls: Any = None

    @property
    def socket(self) -> Path | None:
        """The socket's file, when it is one."""
        return Path("/" + self.host.split("://", 1)[1].lstrip("/")) if self.host.startswith(("unix://", "http+unix://")) else None  # fmt: skip


def engine() -> Engine:
    """The Docker engine as this user meets it: its version, or the precise reason why it cannot be used."""
    try:
        with connected() as client:
            version = client.version()
    except PreflightFailed as error:
        return Engine(False, error.message, error.hint)
    return Engine(True, f"{version.get('Version')} (API {version.get('ApiVersion')})")


@contextmanager
def connected(timeout_s: float = TIMEOUT_S) -> Iterator[Any]:
    """A client of the SDK for the engine that `docker` would use. Raises PreflightFailed with the mend."""
    import docker
    import requests

    place = _place()
    if (path := place.socket) and (why := _why_not(path, place.by)):
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
        raise _unusable(place, error) from error
    client.api.timeout = timeout_s
    try:
        yield client
    finally:
        client.close()


def platform() -> str:
    """The platform whose images the engine runs, like linux/amd64. Raises PreflightFailed."""
    with connected() as client:
        version = client.version()
    return f"{version.get('Os', 'linux')}/{version.get('Arch', 'amd64')}"


def load(blocks: Iterator[bytes]) -> list[str]:
    """Give the engine an archive of `docker save`; the names (else the ids) of its images. Raises PreflightFailed."""
    import docker
    import requests

    with connected(_LOAD_S) as client:
        try:
            found = client.images.load(blocks)
        except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
            text = str(getattr(error, "explanation", None) or error)
            hint = "docker system prune" if "no space left" in text else "is the archive whole? write it again: docker save IMAGE -o IMAGE.tar"  # fmt: skip
            raise PreflightFailed(
                f"the Docker engine does not take the archive: {text[-300:].strip()}", hint=hint
            ) from error
    # the SDK returns an image once for each of its names
    return list(dict.fromkeys(name for image in found for name in image.tags or [str(image.id)]))


def names() -> set[str]:
    """Every name under which the engine has an image, by tag and by digest. Raises PreflightFailed."""
    with connected() as client:
        found = client.images.list()
    return {name for image in found for name in [*image.tags, *(image.attrs.get("RepoDigests") or [])]}


def build(context: bytes, name: str, platform: str, arguments: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Build a context (a tar with a Containerfile) under a name; the image's id and the digests of its layers.

    Raises PreflightFailed with the engine's words.
    """
    with connected(_LOAD_S) as client, _refused(f"the Docker engine could not build {name}"):
        lines = client.api.build(
            fileobj=io.BytesIO(context), custom_context=True, dockerfile="Containerfile", tag=name, platform=platform,
            buildargs=dict(arguments), rm=True, forcerm=True, decode=True,
        )  # fmt: skip
        _follow(lines)
        about = client.images.get(name).attrs
    return str(about["Id"]), tuple(about["RootFS"]["Layers"])


def save(name: str) -> Iterator[bytes]:
    """An image of the engine as an archive. Raises PreflightFailed."""
    with connected(_LOAD_S) as client, _refused(f"the Docker engine has no image {name} to save"):
        yield from client.images.get(name).save(named=name)


def push(name: str, target: str) -> str:
    """Give an image of the engine a name in a registry and send it there; its digest. Raises PreflightFailed."""
    repository, _, tag = target.rpartition(":")
    with connected(_LOAD_S) as client, _refused(f"{target} could not be pushed"):
        client.api.tag(name, repository, tag)
        digest = ""
        for line in _follow(client.api.push(repository, tag=tag, stream=True, decode=True)):
            digest = str((line.get("aux") or {}).get("Digest") or digest)
    return digest


def _follow(lines: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Everything that the engine says while it works. Raises what it calls an error as the SDK's own."""
    import docker

    said = []
    for line in lines:
        if error := line.get("error"):
            raise docker.errors.APIError(str(error))
        said.append(line)
    return said


@contextmanager
def _refused(what: str) -> Iterator[None]:
    """What the SDK runs into meanwhile, as ours."""
    import docker
    import requests

    try:
        yield
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        text = str(getattr(error, "explanation", None) or error).strip()
        raise PreflightFailed(f"{what}: {text[-300:]}", hint=mend_of(text)) from error


def _place() -> Place:
    """As the docker program: DOCKER_HOST, else DOCKER_CONTEXT, else the context in its config.json. Raises PreflightFailed."""
    if host := os.environ.get("DOCKER_HOST"):
        from docker.errors import DockerException
        from docker.utils import kwargs_from_env

        try:
            return Place(host, "DOCKER_HOST", kwargs_from_env().get("tls"))
        except DockerException as error:
            raise PreflightFailed(
                f"DOCKER_TLS_VERIFY and DOCKER_CERT_PATH: {error}", hint="unset them, or correct them"
            ) from error
    name = os.environ.get("DOCKER_CONTEXT", "")
    by = "DOCKER_CONTEXT" if name else "docker's config.json"
    if not name and not _config_file():
        return Place(f"unix://{SOCKET}")
    from docker.context import ContextAPI, config

    name = name or str(config.get_current_context_name() or "default")
    if name == "default":
        return Place(f"unix://{SOCKET}")
    try:
        found = ContextAPI.get_context(name)
    except Exception as error:  # the SDK raises nothing more precise for a broken file
        raise PreflightFailed(
            f"the docker context {name} ({by}) cannot be read: {error}", hint="docker context ls"
        ) from error
    if found is None:
        raise PreflightFailed(f"there is no docker context {name}, which {by} names", hint="docker context use default")
    return Place(str(found.Host or f"unix://{SOCKET}"), f"docker context {name}", found.TLSConfig)


def _config_file() -> bool:
    folder = os.environ.get("DOCKER_CONFIG") or home() / ".docker"
    return Path(folder, "config.json").exists()


def _why_not(path: Path, by: str) -> PreflightFailed | None:
    """What a knock at the socket says; None when somebody is there."""
    said = f" ({by})" if by else ""
    with socket.socket(socket.AF_UNIX) as knock:
        knock.settimeout(TIMEOUT_S)
        try:
            knock.connect(str(path))
        except FileNotFoundError:
            return _absent(path, by)
        except PermissionError:
            return PreflightFailed(f"this user may not use {path}{said}", hint=_way_in(path))
        except OSError as error:
            if not path.is_socket():
                return PreflightFailed(f"{path}{said} is no socket", hint="name the socket of a Docker engine")
            what = (
                "is down"
                if isinstance(error, ConnectionRefusedError)
                else f"does not answer: {error.strerror or error}"
            )
            return PreflightFailed(f"the Docker engine at {path}{said} {what}", hint=_START)
    return None


def _absent(path: Path, by: str) -> PreflightFailed:
    if by:
        what = "unset DOCKER_HOST" if by == "DOCKER_HOST" else "docker context use default"
        return PreflightFailed(f"no Docker engine: {path} does not exist ({by})", hint=f"start that engine, or: {what}")
    rootless = _rootless()
    if rootless.exists():
        return PreflightFailed(
            "only a rootless Docker runs, and docker's context is another", hint=f"docker context use rootless, or: export DOCKER_HOST=unix://{rootless}"
        )  # fmt: skip
    installed = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    return PreflightFailed(
        f"no Docker engine {'runs' if installed else 'is there'}: {path} does not exist",
        hint=_START if installed else f"install and start it: {_DOCS}",
    )


def _rootless() -> Path:
    return Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}") / "docker.sock"


def _way_in(path: Path) -> str:
    """How this user gets to use the socket: by its group, if that is one for people."""
    if _rootless().exists():
        return "use the rootless engine: docker context use rootless"
    try:
        user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(path.stat().st_gid)
    except (KeyError, OSError):
        return f"let somebody who may: sudo ls -l {path}"
    if user in group.gr_mem:
        return f"{user} is in group {group.gr_name}, but was not at login: log in again, or: newgrp {group.gr_name}"
    if group.gr_name == "root":
        return "give the socket to a group: sudo groupadd -f docker && sudo systemctl restart docker.socket docker, then join that group"
    return f"sudo usermod -aG {group.gr_name} {user}, then log in again (that group is as good as root)"


def _unusable(place: Place, error: Exception) -> PreflightFailed:
    """What the SDK ran into once the socket was open, or at an engine that is reached over a network."""
    text, where = str(error), place.host + (f" ({place.by})" if place.by else "")
    if any(sign in text for sign in _NO_ADDRESS):
        return PreflightFailed(
            f"{where} is no address of a Docker engine", hint="write unix:///path, tcp://host:2376 or ssh://user@host"
        )
    if "timed out" in text.lower():
        return PreflightFailed(
            f"the Docker engine at {where} gave no answer within {TIMEOUT_S} s",
            hint="restart it: sudo systemctl restart docker",
        )
    if "Connection refused" in text:
        return PreflightFailed(f"the Docker engine at {where} is down", hint="is it started, and does it listen there?")
    if "too old" in text.lower():
        return PreflightFailed(f"the Docker engine at {where} is too old: {text[-200:]}", hint=f"update it: {_DOCS}")
    return PreflightFailed(f"the Docker engine at {where} cannot be used: {text[-200:]}", hint="docker version")
