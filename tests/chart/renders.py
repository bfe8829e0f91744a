"""Renders of the charts, each made once per run of the tests.

Each worker of pytest-xdist is a process, and many tests ask for the same render. So the first test that needs a render writes it
into a folder that all workers share; its name is a digest of the charts and of all arguments.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from fogflow_k8s.model.manifests import safe_loader

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/fogflow-chart"
Completed = subprocess.CompletedProcess[str]
_LOADER = safe_loader()


class Renders:
    """Runs helm, and keeps what it prints in a folder."""

    def __init__(self, helm: str, folder: Path) -> None:
        self.helm = helm
        self._folder = folder
        self._parsed: dict[str, str] = {}
        folder.mkdir(exist_ok=True)

    def template_anew(
        self, *arguments: str, name: str = "fogflow", namespace: str = "fogflow", chart: Path = CHART
    ) -> Completed:
        """Runs `helm template`; files and --set arguments as given."""
        return _run([self.helm, "template", name, str(chart), "--namespace", namespace, *arguments])

    def template(
        self, *arguments: str, name: str = "fogflow", namespace: str = "fogflow", chart: Path = CHART
    ) -> Completed:
        """As template_anew, but a render that was made before is read, not made."""
        return self._remembered([self.helm, "template", name, str(chart), "--namespace", namespace, *arguments], chart)

    def notes(self, *arguments: str, name: str = "x", namespace: str = "ns") -> str:
        """What `helm install` prints after the manifests."""
        argv = [self.helm, "install", name, str(CHART), "--namespace", namespace, "--dry-run=client", *arguments]
        done = self._remembered(argv, CHART)
        assert done.returncode == 0, done.stderr
        return done.stdout.partition("NOTES:")[2]

    def manifests(self, *arguments: str, **where: Any) -> list[dict[str, Any]]:
        """The manifests of a render, one dict each; the caller may change them."""
        done = self.template(*arguments, **where)
        assert done.returncode == 0, done.stderr
        if done.stdout not in self._parsed:
            self._parsed[done.stdout] = json.dumps(parse(done.stdout))
        return json.loads(self._parsed[done.stdout])

    def _remembered(self, argv: list[str], chart: Path) -> Completed:
        key = hashlib.sha256("\0".join((_digest(chart), *map(_content, argv))).encode()).hexdigest()
        path = self._folder / f"{key}.json"
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                done = _run(argv)
                path.write_text(json.dumps([done.returncode, done.stdout, done.stderr]), encoding="utf-8")
        return Completed(argv, *json.loads(path.read_text(encoding="utf-8")))


def parse(text: str) -> list[dict[str, Any]]:
    """The documents of a text of YAML."""
    return [each for each in yaml.load_all(text, Loader=_LOADER) if each]


def _run(argv: list[str]) -> Completed:
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def _content(argument: str) -> str:
    """The argument, or the digest of the file that it names."""
    path = Path(argument)
    return _digest(path) if path.is_absolute() and path.is_file() else argument


@functools.cache
def _digest(path: Path) -> str:
    """Of a file, or of all files in a folder; links are followed."""
    digest = hashlib.sha256()
    for folder, folders, names in os.walk(path, followlinks=True):
        folders.sort()
        for name in sorted(names):
            file = Path(folder) / name
            digest.update(f"\0{file.relative_to(path)}\0".encode() + file.read_bytes())
    if path.is_file():
        digest.update(path.read_bytes())
    return digest.hexdigest()
