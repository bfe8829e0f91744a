"""Logins for registries, as `docker login` and a cluster's pull secrets keep them; read by the docker SDK, helpers included."""

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
    """What a registry is told. Never shown: it stays out of repr, and so out of tracebacks and logs."""

    username: str
    password: str = field(repr=False)
    token: str = field(default="", repr=False)  # an identity token, instead of the two


class Logins:
    """All logins of one file or one Secret, by registry."""

    def __init__(self, config: Any, where: str) -> None:
        self._config = config
        self.where = where

    def of(self, registry: str) -> Login | None:
        """The login for a registry; None when there is none. Raises PreflightFailed when a credential helper fails."""
        from docker.errors import DockerException

        try:
            with warnings.catch_warnings():  # a helper that is not there is an error below, in our words
                warnings.simplefilter("ignore", UserWarning)
                found = self._config.resolve_authconfig(registry)
        except (DockerException, OSError) as error:
            raise PreflightFailed(
                f"the login for {registry} cannot be read: {error}", hint=f"is the credential helper in {self.where} installed? docker login {registry}"
            ) from error  # fmt: skip
        said = {key.lower(): str(value) for key, value in (found or {}).items() if value}
        if token := said.get("identitytoken"):
            return Login("", "", token)
        return Login(said["username"], said.get("password", "")) if said.get("username") else None


def of_docker() -> Logins:
    """Those of the docker program: $DOCKER_CONFIG/config.json, else ~/.docker/config.json. Raises PreflightFailed."""
    from docker import auth, errors

    try:
        return Logins(auth.load_config(), "docker's config.json")
    except (errors.DockerException, ValueError, AttributeError) as error:
        raise PreflightFailed(
            f"docker's config.json holds a login that cannot be read: {error}", hint=f"log in again: docker login {HUB}"
        ) from error


def of_secret(secret: Mapping[str, Any]) -> Logins:
    """Those of a pull secret of the cluster. Raises ValueError when it is none."""
    from docker import auth, errors

    try:
        config = json.loads(base64.b64decode((secret.get("data") or {})[_PULL_SECRET], validate=True))
        # nothing at all would make the SDK read this machine's own file
        return Logins(auth.load_config(config_dict=config or {"auths": {}}), f"Secret {secret['metadata']['name']}")
    except KeyError:
        raise ValueError(f"it has no key {_PULL_SECRET}") from None
    except (errors.DockerException, ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"its {_PULL_SECRET} cannot be read") from error
