"""Builds the artefacts of a release: `make artifacts`, or `make lock` for the lock file of the image's base."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from artifacts import debian, image, packages, sbom
from artifacts.archive import file_digest
from artifacts.source import ROOT, Source, stage
from fogflow_k8s.engine.reporter import Silent
from fogflow_k8s.errors import FogflowError
from fogflow_k8s.sandbox.programs import ensure

SUMS = "SHA256SUMS"


def build(out: Path, work: Path, *, registry: str = "", repository: str = "") -> None:
    """Replace the folder `out` by one with all artefacts. `work`: a folder that keeps what was downloaded. Raises as its steps do."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="fogflow-k8s-") as folder:
        source = stage(Path(folder, "fogflow-k8s"), registry=registry, repository=repository)
        print(f"fogflow-k8s {source.version}: image for {', '.join(image.PLATFORMS)}")
        built = image.build(source, out, work)
        if registry:  # before the charts are packaged, so that they pin the image
            image.pin_in_charts(source, registry, image.archive_of(source, out))
        print("wheel, sdist, charts, kubectl plug-in")
        packages.python_packages(source, out)
        packages.charts(source, out, str(ensure(["helm"], Silent())["helm"]))
        packages.plug_in(source, out)
        _sboms(source, out, built)
    names = sorted(path.name for path in out.iterdir())
    (out / SUMS).write_text("".join(f"{file_digest(out / name)}  {name}\n" for name in names), encoding="utf-8")
    for name in [*names, SUMS]:
        print(f"{(out / name).stat().st_size / 1e6:8.1f} MB  {name}")


def _sboms(source: Source, out: Path, built: list[image.Built]) -> None:
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode()
    ours = sbom.of_wheel(metadata)
    subject = sbom.Part(ours.name, ours.version, ours.purl, ours.licence, file_digest(wheel))
    _write(out, wheel.name, sbom.document(subject, sbom.of_requirements(metadata), "DEPENDS_ON", source.epoch))
    for each in built:
        sha256 = each.manifest.removeprefix("sha256:")
        purl = f"pkg:oci/worker@sha256%3A{sha256}?arch={image.PLATFORMS[each.platform]}"
        subject = sbom.Part("fogflow-k8s-worker", source.version, purl, "Apache-2.0", sha256)
        parts = [*map(sbom.of_debian, each.packages), *map(sbom.of_wheel, each.app)]
        name = f"fogflow-k8s-worker-{source.version}-{each.platform.replace('/', '-')}"
        _write(out, name, sbom.document(subject, parts, "CONTAINS", source.epoch))


def _write(out: Path, name: str, content: bytes) -> None:
    (out / f"{name}.spdx.json").write_bytes(content)


def main(arguments: list[str]) -> int:
    """0, or 1 when an artefact cannot be built."""
    parser = argparse.ArgumentParser(prog="artifacts", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=ROOT / "dist", help="Folder for the artefacts; what is in it is deleted."
    )
    parser.add_argument(
        "--work", type=Path, default=ROOT / ".work/artifacts", help="Folder that keeps what was downloaded."
    )
    parser.add_argument("--registry", default="", help="Registry of the native worker's image, the charts' default.")
    parser.add_argument("--repository", default="", help="URL of the project's repository.")
    parser.add_argument("--lock", action="store_true", help="Write the lock file of the image's base instead.")
    options = parser.parse_args(arguments)
    try:
        if options.lock:
            debian.lock([*image.PLATFORMS.values()], options.work)
        else:
            build(options.out, options.work, registry=options.registry, repository=options.repository.rstrip("/"))
    except (FogflowError, LookupError) as error:
        print(f"artifacts: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
