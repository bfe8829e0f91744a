"""Writes src/fogflow_k8s/worker/requirements.txt: what the worker's extra resolves to for the image, each wheel with its hash.

    make lock

pip resolves for every platform of the image; versions must agree, and the hashes of all their wheels are listed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from fogflow_k8s.actions.images.worker import MACHINES, pip_install

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "src/fogflow_k8s/worker/requirements.txt"
HEAD = """# What is in the image of the worker, made by `make lock` from the extra `worker` of pyproject.toml; do not edit.
# From: {direct}
"""
_NOT_YET = ("--require-hashes", "--no-deps")


def resolved(machine: str, direct: list[str]) -> dict[str, tuple[str, str]]:
    """Package -> (version, hash) for one machine."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "wanted.txt")
        wanted.write_text("\n".join(direct) + "\n", encoding="utf-8")
        words = [word for word in pip_install(Path(folder, "app"), machine, wanted) if word not in _NOT_YET]
        argv = [sys.executable, "-m", "pip", *words, "--dry-run", "--ignore-installed", "--report=-"]
        report = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)
    return {
        re.sub(r"[-_.]+", "-", item["metadata"]["name"]).lower(): (
            item["metadata"]["version"],
            item["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for item in report["install"]
    }


def main() -> int:
    """0, or 1 when the platforms do not agree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    direct = project["optional-dependencies"]["worker"]
    found = [resolved(machine, direct) for machine in MACHINES.values()]
    versions = {tuple(sorted((name, version) for name, (version, _) in each.items())) for each in found}
    if len(versions) != 1:
        print("the platforms do not agree:", *versions, sep="\n  ", file=sys.stderr)
        return 1
    lines = [HEAD.format(direct=", ".join(direct))]
    for name in sorted(found[0]):
        hashes = sorted({each[name][1] for each in found})
        lines.append(f"{name}=={found[0][name][0]}" + "".join(f" \\\n    --hash=sha256:{h}" for h in hashes) + "\n")
    LOCK.write_text("".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
