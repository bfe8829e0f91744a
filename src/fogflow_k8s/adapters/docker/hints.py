"""What a Docker engine's own words mean, where it says no more than that something failed."""

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


def mend_of(text: str) -> str:
    """What to do about an engine's words on building and pushing."""
    said = text.lower()
    if any(word in said for word in ("unauthorized", "denied: requested", "authentication required", "no basic auth")):
        return "log in to that registry: docker login REGISTRY"
    if "http response to https client" in said:
        return "the registry speaks plain HTTP: add it to insecure-registries in the engine's daemon.json"
    if "no space left" in said:
        return "docker system prune"
    if any(word in said for word in _NO_IMAGE):
        return "load the base image where it can be had (docker pull, docker save), or name another: --base IMAGE"
    return "docker version"
