"""The folder app/ of the native worker's image: the packages locked in requirements.txt, and the modules the worker imports.

The result is reproducible: pip installs wheels only and checks their hashes, nothing is compiled, and the files in which pip
records paths of this machine are removed.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from fogflow_k8s.adapters.process import Runner
from fogflow_k8s.engine.reporter import Reporter
from fogflow_k8s.errors import FogflowError, PreflightFailed, ToolMissing, UsageError
from fogflow_k8s.model.image.imports import needed

PYTHON = "3.13"
MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
"""The platforms for which all locked packages have wheels -> Python's name of the machine type."""
# every glibc tag of the wheels of locked packages; Debian 13 and python:3.13-slim have glibc 2.41
_GLIBC = ("manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux_2_5", "manylinux1")
_PACKAGE = Path(__file__).resolve().parents[2]
_WORKER = "fogflow_k8s.worker"
_TIMEOUT_S = 900.0
_OF_THIS_MACHINE = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")  # paths, programs and hashes of scripts


def make(folder: Path, platform: str, runner: Runner, report: Reporter, package: Path = _PACKAGE) -> None:
    """Write packages and modules into an empty folder. `package`: the folder of this Python package.

    Raises UsageError for a platform without wheels, FogflowError without a worker, ToolMissing without pip, PreflightFailed
    when the packages cannot be fetched.
    """
    machine = MACHINES.get(platform)
    if machine is None:
        raise UsageError(
            f"the worker's packages are not available for {platform}, only for {', '.join(MACHINES)}",
            hint=f"--platform {next(iter(MACHINES))}",
        )
    wanted = modules(package)
    report.step(f"fetching the worker's packages for {platform}")
    _install(folder, machine, package / "worker" / "requirements.txt", runner)
    _trim(folder)
    for name, path in wanted.items():
        target = folder / place_of(name, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def place_of(name: str, path: Path) -> Path:
    """Where a module belongs, below a folder of Python's path. `path` is its file, which tells a package from a module."""
    inside = Path(*name.split("."))
    return inside / "__init__.py" if path.name == "__init__.py" else inside.with_suffix(".py")


def pip_install(target: Path, machine: str, requirements: Path) -> list[str]:
    """The arguments of pip that install the locked packages for another machine type."""
    platforms = [f"--platform={tag}_{machine}" for tag in _GLIBC]
    return [
        "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-compile", "--no-deps", "--require-hashes",
        "--only-binary=:all:", *platforms, f"--python-version={PYTHON}", "--implementation=cp",
        f"--target={target}", f"--requirement={requirements}",
    ]  # fmt: skip


def _install(folder: Path, machine: str, requirements: Path, runner: Runner) -> None:
    done = runner.run([sys.executable, "-m", "pip", *pip_install(folder, machine, requirements)], timeout_s=_TIMEOUT_S)
    if done.code == 0:
        return
    output = done.stderr.strip()
    if "No module named pip" in output:
        raise ToolMissing(
            f"pip is not installed for the Python of this program, {sys.executable}",
            hint=f"{sys.executable} -m ensurepip",
        )
    if "DO NOT MATCH THE HASHES" in output:
        raise PreflightFailed(
            f"a package of the index does not match its locked hash: {_last(output)}",
            hint="do not use this file: compare it with the one on PyPI, and check your package index",
        )
    raise PreflightFailed(
        f"pip could not fetch the worker's packages: {_last(output)}",
        hint="check that the package index is reachable from here: python3 -m pip config list",
    )


def _last(output: str) -> str:
    """The last lines of pip's output that are not empty, as one line."""
    lines = [line.removeprefix("ERROR: ").strip() for line in output.splitlines() if line.strip()]
    return " ".join(lines[-3:])[-400:]


def _trim(folder: Path) -> None:
    shutil.rmtree(folder / "bin", ignore_errors=True)  # scripts with the path of this machine's Python
    for cache in sorted(folder.rglob("__pycache__")):
        shutil.rmtree(cache)
    for info in folder.glob("*.dist-info"):
        for name in _OF_THIS_MACHINE:
            (info / name).unlink(missing_ok=True)


def modules(package: Path = _PACKAGE, program: str = _WORKER) -> dict[str, Path]:
    """Every module of this package that a program imports, by name. Raises FogflowError when the program is not installed."""
    paths = {_name(path, package): path for path in package.rglob("*.py") if "_assets" not in path.parts}
    wanted: Sequence[str] = needed({name: path.read_text(encoding="utf-8") for name, path in paths.items()}, program)
    if f"{program}.__main__" not in wanted:
        raise FogflowError(
            f"this installation of fogflow-k8s has no {program.rpartition('.')[2]} module",
            hint="install it again: pip install --force-reinstall fogflow-k8s",
        )
    return {name: paths[name] for name in wanted}


def _name(path: Path, package: Path) -> str:
    parts = [package.name, *path.relative_to(package).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
