"""The artefacts that are made of the project's own files: wheel, sdist, charts, and the plug-in for krew."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from artifacts.archive import digest, gzipped, redated, tar_of_files
from artifacts.source import CHARTS, Source

_BACKEND = Path(__file__).with_name("build-backend.txt")
_NO_REPOSITORY = "https://example.org/fogflow-k8s"  # in builds that are not published


def python_packages(source: Source, out: Path) -> None:
    """Write the sdist, and the wheel that is built from it. Raises CalledProcessError.

    PyPA's `build` with hatchling, which takes all times from SOURCE_DATE_EPOCH. The wheel names hatchling's version, so it is fixed.
    """
    argv = [sys.executable, "-m", "build", "--outdir", str(out), str(source.folder)]
    env = {**os.environ, "SOURCE_DATE_EPOCH": str(source.epoch), "PIP_CONSTRAINT": str(_BACKEND)}
    _run(argv, cwd=out, env=env)


def charts(source: Source, out: Path, helm: str) -> None:
    """Write both charts as archives. `helm`: the program, of any version. Raises CalledProcessError.

    Helm 4 takes all times from the staged files, and Helm 3 writes the time of the build, so the times are set afterwards.
    """
    for chart in CHARTS:
        _run([helm, "package", str(source.folder / "charts" / chart), "--destination", str(out)])
        archive = out / f"{chart}-{source.version}.tgz"
        archive.write_bytes(redated(archive.read_bytes(), source.epoch))


def plug_in(source: Source, out: Path) -> None:
    """Write the archive of the kubectl plug-in, and its manifest for krew with the archive's digest."""
    version, repository = source.version, source.repository or _NO_REPOSITORY
    script = source.read("krew/kubectl-fogflow").replace(b"@VERSION@", version.encode())
    files = {"kubectl-fogflow": script, "LICENSE": source.read("LICENSE")}
    packed = gzipped(tar_of_files(files, source.epoch, executable=["kubectl-fogflow"]))
    (out / f"kubectl-fogflow-{version}.tar.gz").write_bytes(packed)
    manifest = source.read("krew/fogflow.yaml").decode()
    _, _, manifest = manifest.partition("\n")  # the first line says that it is a template
    for name, value in {"VERSION": version, "REPOSITORY": repository, "SHA256": digest(packed)}.items():
        manifest = manifest.replace(f"@{name}@", value)
    (out / "fogflow.yaml").write_text(manifest, encoding="utf-8")


def _run(argv: list[str], *, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        done.check_returncode()
    return done.stdout
