"""Sets the version of the project in every file that states it, or compares these files.

    make version V=1.0.1

The source is `__version__` of the package, from which pyproject.toml takes it. The charts, the citation file, the changelog, the
command in docs/worker.md and the output in README.md state the same version, because others read them without this program. Without an
argument the program compares them, and exits with 1 when one differs.
"""

from __future__ import annotations

import re
import sys
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = "src/fogflow_k8s/__init__.py"
_SEMVER = r"[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?"
PLACES: dict[str, str] = {
    SOURCE: r'^__version__ = "(?P<version>.+)"$',
    "charts/fogflow-chart/Chart.yaml": r"^version: (?P<version>\S+)$",
    "charts/fogflow-edge-chart/Chart.yaml": r"^version: (?P<version>\S+)$",
    "CITATION.cff": r"^version: (?P<version>\S+)$",
    "docs/worker.md": rf"fogflow-k8s/worker:(?P<version>{_SEMVER})$",
    "README.md": rf"^    Release .* fogflow-chart-(?P<version>{_SEMVER}), FogFlow",
}
"""File -> the pattern of the line that states the version, which occurs once."""
CHANGELOG = "CHANGELOG.md"
_SECTION = re.compile(rf"^## (?P<version>{_SEMVER})(?: (?P<state>.*))?$", re.MULTILINE)
_OPEN = "(unreleased)"


def stated(root: Path = ROOT) -> dict[str, str]:
    """File -> the version that it states; of the changelog, its newest section. Raises LookupError when a file states none or several."""
    found = {}
    for name, pattern in PLACES.items():
        text = (root / name).read_text(encoding="utf-8")
        versions = re.findall(pattern, text, re.MULTILINE)
        if len(versions) != 1:
            raise LookupError(
                f"{name}: {len(versions)} lines match {pattern}, expected 1: correct the file or PLACES in scripts/version.py"
            )
        found[name] = versions[0]
    newest = _SECTION.search((root / CHANGELOG).read_text(encoding="utf-8"))
    if newest is None:
        raise LookupError(f"{CHANGELOG} has no section '## VERSION'")
    return {**found, CHANGELOG: newest["version"]}


def write(version: str, root: Path = ROOT) -> list[str]:
    """Write a version into every file; the names of those that changed.

    In the changelog, the newest section gets the version while it is `(unreleased)`, so that one section at most is open; above a
    released section comes a new one.
    Raises ValueError for text that is no version.
    """
    if not re.fullmatch(_SEMVER, version):
        raise ValueError(f"{version!r} is not a version such as 1.0.1 or 1.1.0-rc.1")
    changed = [name for name, before in stated(root).items() if before != version]
    for name in changed:
        path = root / name
        text = path.read_text(encoding="utf-8")
        if name == CHANGELOG:
            path.write_text(_SECTION.sub(partial(_heading, version), text, count=1), encoding="utf-8")
            continue
        (match,) = re.finditer(PLACES[name], text, re.MULTILINE)
        start, end = match.span("version")
        path.write_text(text[:start] + version + text[end:], encoding="utf-8")
    return changed


def _heading(version: str, newest: re.Match[str]) -> str:
    """What takes the place of the heading of the newest section."""
    heading = f"## {version} {_OPEN}"
    return heading if newest["state"] == _OPEN else f"{heading}\n\n{newest[0]}"


def main(arguments: list[str]) -> int:
    """0, or 1 when a file states another version than the package."""
    if arguments:
        try:
            changed = write(arguments[0])
        except (ValueError, LookupError) as error:
            print(f"version: {error}", file=sys.stderr)
            return 1
        for name in changed:
            print("wrote", name)
        return 0
    versions = stated()
    differ = {name: version for name, version in versions.items() if version != versions[SOURCE]}
    for name, version in differ.items():
        print(
            f"{name} states {version}, but {SOURCE} {versions[SOURCE]}: make version V={versions[SOURCE]}",
            file=sys.stderr,
        )
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
