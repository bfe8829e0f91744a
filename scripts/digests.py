"""Asks the registries which images a release would run today, and writes what they answer into images.lock.json.

    make digests

The file has the digest of every image of the charts, by the image's whole name, and the newer patch releases of the images whose tag is
a full version. `make artifacts` writes the digests into the packaged charts. A scheduled workflow runs this program and opens a pull request when the
file changes, which it does when a patch release of RabbitMQ, nginx, Python or FogFlow is published.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fogflow_k8s.adapters.registry.client import Registry
from fogflow_k8s.adapters.registry.http import Client
from fogflow_k8s.errors import FogflowError
from fogflow_k8s.model.image.reference import Image, parse

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "images.lock.json"
# The native worker's image is built with the charts, so no registry knows it before they are packaged.
_CHECK = ("images", "check", "-o", "json", "--platform", "linux/amd64", "--set", "worker.implementation=upstream")
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(\D.*)?")


def newer_patch(tag: str, tags: Iterable[str]) -> str:
    """The newest of `tags` with the same major, minor and suffix as `tag`, if it is newer; else "". A tag of two numbers has none."""
    own = _VERSION.fullmatch(tag)
    if own is None:
        return ""
    found = [at for each in tags if (at := _VERSION.fullmatch(each)) and at.group(1, 2, 4) == own.group(1, 2, 4)]
    newest = max(found, key=lambda at: int(at[3]), default=own)
    return newest[0] if int(newest[3]) > int(own[3]) else ""


def lock(checked: dict[str, Any], tags: dict[str, list[str]]) -> dict[str, dict[str, str]]:
    """The lock file. `checked`: the document of `images check`; `tags`: repository -> its tags. Raises LookupError for an image without digest."""
    images = {each["image"].partition("@")[0]: each for each in checked["images"]}
    missing = sorted(name for name, each in images.items() if not each["digest"])
    if missing:
        raise LookupError(f"no digest of {', '.join(missing)}: fogflow-k8s images check --platform linux/amd64")
    newer = {name: newer_patch(each["tag"], tags.get(each["repository"], [])) for name, each in images.items()}
    return {
        "digests": {name: images[name]["digest"] for name in sorted(images)},
        "newer": {name: tag for name, tag in sorted(newer.items()) if tag},
    }


def _checked() -> dict[str, Any]:
    argv = [sys.executable, "-m", "fogflow_k8s", *_CHECK]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=False)
    if not done.stdout:
        raise LookupError(f"the registries cannot be asked:\n{done.stderr}")
    return dict(json.loads(done.stdout))


def _tags(images: Iterable[Image]) -> dict[str, list[str]]:
    return {each.repository: Registry(Client(each.host, None)).tags(each.repository) for each in images}


def main() -> int:
    """0, or 1 when a registry does not answer or an image does not exist."""
    try:
        checked = _checked()
        images = [parse(each["image"]) for each in checked["images"]]
        found = lock(checked, _tags(each for each in images if _VERSION.fullmatch(each.tag)))
    except (LookupError, FogflowError) as error:
        print(f"digests: {error}", file=sys.stderr)
        return 1
    LOCK.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    for name, tag in found["newer"].items():
        print(f"{name}: {tag} is newer")
    print(f"wrote {LOCK.name}: {len(found['digests'])} images")
    return 0


if __name__ == "__main__":
    sys.exit(main())
