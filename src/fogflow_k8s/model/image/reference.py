"""Image names, the pods that use an image, and the manifests of registries.

A name is [registry/]path[:tag][@digest]. A manifest describes an image for one platform; an index lists the manifests of several
platforms. Sources: the grammar of distribution/reference, and the OCI image and distribution specifications 1.1.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fogflow_k8s.model import manifests
from fogflow_k8s.model.kubernetes import Obj

HUB = "docker.io"
ANY_PLATFORM = "any"
_HOST = r"localhost|\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+"
_PATH = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
_NAME = re.compile(rf"^(?:((?:{_HOST})(?::\d+)?)/)?({_PATH})(?::([\w][\w.-]{{0,127}}))?(?:@(sha256:[0-9a-f]{{64}}))?$", re.ASCII)  # fmt: skip
_PLATFORM = re.compile(r"^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9.]+)?$")
_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
MANIFEST_TYPES = (*_INDEXES, *_MANIFESTS)


@dataclass(frozen=True, order=True)
class Image:
    """An image's name as written: [registry/]path[:tag][@digest]."""

    registry: str
    path: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        return self.within(self.registry)

    def within(self, registry: str, digest: str = "") -> str:
        """The same name in another registry (and prefix), with this digest instead of its own when one is given."""
        pin = digest or self.digest
        return (
            (f"{registry}/" if registry else "")
            + self.path
            + (f":{self.tag}" if self.tag else "")
            + (f"@{pin}" if pin else "")
        )

    @property
    def short(self) -> str:
        """The name without the digest."""
        return str(self).partition("@")[0]

    @property
    def host(self) -> str:
        """The registry that the image is pulled from."""
        return HUB if self.registry in {"", "index.docker.io"} else self.registry

    @property
    def repository(self) -> str:
        """The path at the registry; docker.io has its own images at library/NAME."""
        return f"library/{self.path}" if self.host == HUB and "/" not in self.path else self.path

    @property
    def version(self) -> str:
        """The reference within the repository: the digest, else the tag, else latest."""
        return self.digest or self.tag or "latest"


def parse(text: str) -> Image:
    """The parts of a name. Raises ValueError for an invalid name.

    As in Docker, the first component is a registry only if it has a dot or a port, or is localhost.
    """
    found = _NAME.match(text)
    if not found:
        raise ValueError(f"{text!r} is not an image's name: [registry/]path[:tag][@sha256:digest]")
    registry, path, tag, digest = (part or "" for part in found.groups())
    if registry and registry != "localhost" and not re.search(r"[.:A-Z]", registry):
        registry, path = "", f"{registry}/{path}"
    return Image(registry, path, tag, digest)


def split_place(text: str) -> tuple[str, str]:
    """REGISTRY[/PREFIX] as (registry, prefix). Raises ValueError."""
    name = text.rstrip("/")
    registry, _, prefix = name.partition("/")
    if not re.match(rf"^(?:{_HOST})(?::\d{{1,5}})?$", registry) or (prefix and not re.match(rf"^{_PATH}$", prefix)):
        raise ValueError(f"{text!r} is not REGISTRY[/PREFIX]")
    if registry != "localhost" and not re.search(r"[.:]", registry):
        raise ValueError(
            f"{text!r} names no registry: its first component needs a dot or a port, like registry.example:5000"
        )
    return registry, prefix


@dataclass(frozen=True)
class Use:
    """An image and the pods of the release that run it."""

    image: Image
    components: tuple[str, ...]
    pods: tuple[Obj, ...]  # their specifications
    platforms: tuple[str, ...]  # that the node selectors of the pods require; "any" without such a selector

    @property
    def secrets(self) -> tuple[str, ...]:
        """The pull secrets that every one of its pods names."""
        named = [{str(s.get("name")) for s in pod.get("imagePullSecrets") or []} for pod in self.pods]
        return tuple(sorted(set.intersection(*named))) if named else ()


def uses(objects: Iterable[Obj]) -> list[Use]:
    """Every image in the rendered objects, including hooks and init containers, by name. Raises ValueError."""
    found: dict[str, list[tuple[str, Obj]]] = {}
    for obj in objects:
        if obj.get("kind") not in (*manifests.WORKLOADS, "Pod"):
            continue
        pod = manifests.pod_spec(obj)
        for container in [*(pod.get("initContainers") or []), *(pod.get("containers") or [])]:
            found.setdefault(str(container.get("image") or ""), []).append((manifests.component_of(obj), pod))
    return [
        Use(
            parse(text),
            tuple(sorted({component for component, _ in by})),
            tuple(pod for _, pod in by),
            tuple(sorted({platform_of(pod.get("nodeSelector") or {}) for _, pod in by})),
        )
        for text, by in sorted(found.items())
    ]


def platform_of(labels: Mapping[str, str]) -> str:
    """The platform in the labels of a node or in a node selector; "any" without an architecture."""
    architecture = labels.get("kubernetes.io/arch", "")
    return f"{labels.get('kubernetes.io/os', 'linux')}/{architecture}" if architecture else ANY_PLATFORM


def checked_platform(text: str) -> str:
    """Return the platform. Raises ValueError unless it has the form linux/amd64 or linux/arm/v7."""
    if not _PLATFORM.match(text):
        raise ValueError(f"{text!r} is not a platform: write it like linux/amd64 or linux/arm/v7")
    return text


def fits(offered: str, wanted: str) -> bool:
    """Whether an image for the platform `offered` runs on `wanted`; a missing variant matches every variant."""
    have, want = offered.split("/"), wanted.split("/")
    return have[:2] == want[:2] and (len(have) < 3 or len(want) < 3 or have[2] == want[2])


def digest_of(body: bytes) -> str:
    """The digest of a manifest's (or blob's) bytes."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def is_index(media_type: str) -> bool:
    """Whether a manifest of this type is a list of manifests, one for each platform."""
    return media_type in _INDEXES


def children(index: Obj, platforms: Sequence[str] = ()) -> list[Obj]:
    """The entries of an index; with `platforms` only those for one of them. Attestations are for no platform."""
    entries = list(index.get("manifests") or [])
    return [e for e in entries if not platforms or any(fits(format_platform(e.get("platform")), p) for p in platforms)]


def offered(index: Obj) -> tuple[str, ...]:
    """The platforms of an index."""
    platforms = (format_platform(entry.get("platform")) for entry in index.get("manifests") or [])
    return tuple(sorted({platform for platform in platforms if not platform.startswith("unknown")}))


def format_platform(platform: Obj | None) -> str:
    """os/architecture[/variant] of an index's entry or an image's configuration."""
    given = platform or {}
    parts = (given.get("os") or "unknown", given.get("architecture") or "unknown", given.get("variant"))
    return "/".join(str(part) for part in parts if part)


def blobs(manifest: Obj) -> list[Obj]:
    """The descriptors of a manifest's configuration and layers, each once, without layers that have URLs of their own."""
    found = [manifest.get("config") or {}, *(manifest.get("layers") or [])]
    return list({str(b["digest"]): b for b in found if b.get("digest") and not b.get("urls")}.values())
