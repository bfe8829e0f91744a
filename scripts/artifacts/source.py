"""A staged copy of the project, from which all artefacts are built.

It has the files that git knows, with the modes that git records and with the time of the last commit. Links become files, because
Helm and sdist archives must not depend on what is outside of them. Into this copy, and not into the checkout, go the two values
that depend on the project's owner: the registry of the native worker's image, and the address of the repository.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHARTS = ("fogflow-chart", "fogflow-edge-chart")
_CHOICE = "src/fogflow_k8s/model/settings/worker_choice.py"
_URLS = "[project.urls]"


@dataclass(frozen=True)
class Source:
    """A staged copy. `epoch`: the time of all files, in seconds since 1970; `repository`: the URL of the project, "" if not known."""

    folder: Path
    version: str
    epoch: int
    repository: str = ""

    def read(self, name: str) -> bytes:
        """The content of a file by its path in the project. Raises OSError."""
        return (self.folder / name).read_bytes()


def commit_time(root: Path = ROOT) -> int:
    """SOURCE_DATE_EPOCH where it is set, else the time of the last commit. Raises ValueError, CalledProcessError."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return int(given or _git(root, "log", "-1", "--format=%ct"))


def stage(folder: Path, *, registry: str = "", repository: str = "", root: Path = ROOT) -> Source:
    """Copy the project into a new folder. Raises OSError, LookupError when a file has no place for `registry` or `repository`."""
    epoch = commit_time(root)
    for name in _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if name and (root / name).exists():
            _copy(root / name, folder / name)
    if registry:
        _set_registry(folder, registry)
    if repository:
        urls = {"Homepage": "", "Changelog": "/blob/main/CHANGELOG.md", "Issues": "/issues", "Source": ""}
        added = "".join(f'{name} = "{repository}{path}"\n' for name, path in urls.items())
        _replace(folder / "pyproject.toml", rf"(?m)^{re.escape(_URLS)}.*\n", lambda at: at[0] + added)
    found = re.search(r'__version__ = "(.+)"', (folder / "src/fogflow_k8s/__init__.py").read_text(encoding="utf-8"))
    if found is None:
        raise LookupError("src/fogflow_k8s/__init__.py states no __version__")
    source = Source(folder, found[1], epoch, repository)
    pin(source, json.loads(source.read("images.lock.json"))["digests"])
    return source


def _copy(path: Path, target: Path) -> None:
    """Copy a file, or what a link leads to, with one of git's two modes."""
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_dir() or "__pycache__" in file.parts:
            continue
        inside = target / file.relative_to(path) if path.is_dir() else target
        inside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, inside)
        inside.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)


def pin(source: Source, digests: Mapping[str, str]) -> None:
    """Pin images of the staged charts: the image's whole name -> its digest. The charts in git pin none."""
    for chart in CHARTS:
        path = source.folder / "charts" / chart / "files/digests.json"
        known = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({**known, **digests}, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    _date(source.folder, source.epoch)


def _set_registry(folder: Path, registry: str) -> None:
    """Name the registry of the native worker's image in both charts and in the model, whose defaults are the same."""
    for chart in CHARTS:
        _replace(
            folder / "charts" / chart / "values.yaml",
            r'(  nativeImage:\n    registry: )""[^\n]*',
            lambda at: f"{at[1]}{registry}",
        )
    _replace(folder / _CHOICE, r'(?m)^NATIVE_REGISTRY = ""$', lambda _: f'NATIVE_REGISTRY = "{registry}"')


def _replace(path: Path, pattern: str, made: Callable[[re.Match[str]], str]) -> None:
    text, count = re.subn(pattern, made, path.read_text(encoding="utf-8"))
    if count != 1:
        raise LookupError(f"{path.name}: {count} places match {pattern}, expected 1")
    path.write_text(text, encoding="utf-8")


def _date(folder: Path, epoch: int) -> None:
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
        os.utime(path, (epoch, epoch))


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True, timeout=60)  # noqa: S607
    return done.stdout
