"""Remedies for error messages of a Docker engine.

The engine reports a failed build or push as free text. `remedy_for` maps the known texts to the user's next step;
for an unknown text it suggests `docker version`, which shows whether the engine works at all.
"""

from __future__ import annotations

_NO_IMAGE = (
    "pull access denied",
    "manifest unknown",
    "not found",
    "no matching manifest",
    "does not match",
    "dial tcp",
    "lookup ",
)


def remedy_for(text: str) -> str:
    """Return the user's next step after this error message of a build or push."""
    message = text.lower()
    if any(
        word in message for word in ("unauthorized", "denied: requested", "authentication required", "no basic auth")
    ):
        return "log in to that registry: docker login REGISTRY"
    if "http response to https client" in message:
        return "the registry speaks plain HTTP: add it to insecure-registries in the engine's daemon.json"
    if "no space left" in message:
        return "docker system prune"
    if any(word in message for word in _NO_IMAGE):
        return "pull the base image on a machine that can reach its registry and copy it here (docker pull, docker save, docker load), or use another one: --base IMAGE"
    return "docker version"
