"""Logins for registries, from `docker login` or from the cluster's image pull secrets.

Both have the format of docker's config.json. The docker SDK reads them, including credential helpers.
"""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fogflow_k8s.errors import PreflightFailed
from fogflow_k8s.model.image.reference import HUB

_PULL_SECRET = ".dockerconfigjson"  # noqa: S105 - a key


@dataclass(frozen=True)
class Login:
    """Credentials for a registry. The password stays out of repr, and so out of tracebacks and logs."""

    username: str
    password: str = field(repr=False)
    token: str = field(default="", repr=False)  # an identity token, instead of user and password


class Logins:
    """All logins of one file or one Secret. `where` names it in messages."""

    def __init__(self, config: Any, where: str) -> None:
        self._config = config
        self.where = where

    def of(self, registry: str) -> Login | None:
        """Return the login for a registry; None when there is none. Raises PreflightFailed when a credential helper fails."""
        from docker.errors import DockerException

        try:
            with warnings.catch_warnings():  # an absent helper raises the error below
                warnings.simplefilter("ignore", UserWarning)
                found = self._config.resolve_authconfig(registry)
        except (DockerException, OSError) as error:
            raise PreflightFailed(
                f"the login for {registry} cannot be read: {error}", hint=f"install the credential helper that {self.where} names, or: docker login {registry}"
            ) from error  # fmt: skip
        entry = {key.lower(): str(value) for key, value in (found or {}).items() if value}
        if token := entry.get("identitytoken"):
            return Login("", "", token)
        return Login(entry["username"], entry.get("password", "")) if entry.get("username") else None


def docker_logins() -> Logins:
    """Return the docker command's logins: $DOCKER_CONFIG/config.json, or ~/.docker/config.json. Raises PreflightFailed."""
    from docker import auth, errors

    try:
        return Logins(auth.load_config(), "docker's config.json")
    except (errors.DockerException, ValueError, AttributeError) as error:
        raise PreflightFailed(
            f"docker's config.json has a login that cannot be read: {error}", hint=f"log in again: docker login {HUB}"
        ) from error


def pull_secret_logins(secret: Mapping[str, Any]) -> Logins:
    """Return the logins of an image pull secret. Raises ValueError when it is not one."""
    from docker import auth, errors

    try:
        config = json.loads(base64.b64decode((secret.get("data") or {})[_PULL_SECRET], validate=True))
        # an empty configuration would make the SDK read this machine's own file
        return Logins(auth.load_config(config_dict=config or {"auths": {}}), f"Secret {secret['metadata']['name']}")
    except KeyError:
        raise ValueError(f"it has no key {_PULL_SECRET}") from None
    except (errors.DockerException, ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"its {_PULL_SECRET} cannot be read") from error
