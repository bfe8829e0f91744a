"""The Docker engine, through its SDK: the only `import docker`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

SOCKET = "/var/run/docker.sock"
TIMEOUT_S = 5


@dataclass(frozen=True)
class Engine:
    """Whether the Docker engine can be used by this user, and why not."""

    usable: bool
    fact: str
    mend: str = ""


def engine() -> Engine:
    """The Docker engine as this user meets it: its version, or the precise reason why it cannot be used."""
    host = os.environ.get("DOCKER_HOST", "")
    if not host and not Path(SOCKET).exists():
        rootless = Path(os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")) / "docker.sock"
        if rootless.exists():
            return Engine(False, "only a rootless Docker runs", f"export DOCKER_HOST=unix://{rootless}")
        return Engine(
            False,
            f"no Docker engine: {SOCKET} does not exist",
            "install and start it: https://docs.docker.com/engine/install",
        )
    if not host and not os.access(SOCKET, os.R_OK | os.W_OK):
        return Engine(
            False, f"this user may not use {SOCKET}", "sudo usermod -aG docker $USER, then log in again (that group is as good as root)"
        )  # fmt: skip
    return _ask(host or f"unix://{SOCKET}")


def _ask(host: str) -> Engine:
    import docker
    import requests

    try:
        client = docker.DockerClient(base_url=host, timeout=TIMEOUT_S)
        try:
            version = client.version()
        finally:
            client.close()
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        if "Permission denied" in str(error):
            return Engine(False, f"this user may not use {host}", "sudo usermod -aG docker $USER, then log in again")
        return Engine(False, f"the Docker engine at {host} does not answer", "start it: sudo systemctl start docker")
    return Engine(True, f"{version.get('Version')} (API {version.get('ApiVersion')})")
