"""What a release puts into registries, made by the code of `make artifacts` for a registry of the tests.

Only the image for this machine's platform is built. It is kept by the content that it is made of, so that a second tier, or a second
run on a machine, builds none. Charts are packaged each time, because they name the registry.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from fogflow_k8s import __version__
from fogflow_k8s.adapters.state_dir import cache_home
from fogflow_k8s.engine.reporter import Silent
from fogflow_k8s.sandbox.programs import architecture, ensure

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from artifacts import image, packages, source  # noqa: E402

FOLDER = cache_home() / "test-artifacts"
PUBLISH = ROOT / "scripts/ci/publish.sh"
_KEPT = 3  # images in FOLDER, the newest ones
_INPUTS = ("Containerfile", "scripts/artifacts", "src/fogflow_k8s")


def charts(out: Path, registry: str, digest: str) -> dict[str, Path]:
    """Both charts of a release as archives in `out`, by name. `digest`: of the native worker's image in that registry."""
    with tempfile.TemporaryDirectory(prefix="fogflow-k8s-") as folder:
        staged = source.stage(Path(folder, "tree"), registry=registry)
        source.pin(staged, {image_name(registry): digest})
        packages.charts(staged, out, str(ensure(["helm"], Silent())["helm"]))
    return {chart: out / f"{chart}-{__version__}.tgz" for chart in source.CHARTS}


def image_name(registry: str) -> str:
    """The name of the native worker's image in a registry, with its tag."""
    return f"{registry}/{image.REPOSITORY}:{__version__}"


def make(out: Path, registry: str) -> str:
    """Write what publish.sh pushes into `out`: the image for this machine's platform, and the charts. The digest of the image."""
    kept = _image()
    archive = Path(shutil.copy(kept, out / f"fogflow-k8s-worker-{__version__}.oci.tar"))
    digest = image.digest_in(archive)
    charts(out, registry, digest)
    return digest


def published(folder: Path) -> dict[str, str]:
    """Name in the registry, without a tag -> digest, of everything that publish.sh has pushed from this folder."""
    lines = (folder / "published.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("@") for line in lines)


def publish(out: Path, registry: str, *prefix: str, env: dict[str, str]) -> dict[str, str]:
    """Run publish.sh for the artefacts in `out`, below `prefix` (a program that runs another one); as `published`."""
    argv = [*prefix, "bash", str(PUBLISH), registry, str(out)]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return published(out)


def _image() -> Path:
    """The kept layout of the image that this checkout makes; one process at a time builds it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / ".lock").open("w") as lock, tempfile.TemporaryDirectory(prefix="fogflow-k8s-") as folder:
        fcntl.flock(lock, fcntl.LOCK_EX)
        staged = source.stage(Path(folder, "tree"))
        kept = FOLDER / f"image-{_digest(staged)}.oci.tar"
        if not kept.exists():
            out = Path(folder, "out")
            out.mkdir()
            image.build(staged, out, FOLDER, [f"linux/{architecture()}"])
            shutil.move(image.archive_of(staged, out), kept)
        kept.touch()
        for old in sorted(FOLDER.glob("image-*"), key=lambda path: path.stat().st_mtime)[:-_KEPT]:
            old.unlink()
        return kept


def _digest(staged: source.Source) -> str:
    """Changes with everything that an image is made of, and with the time that its files have."""
    found = hashlib.sha256(f"{staged.version} {staged.epoch} {architecture()}".encode())
    for name in _INPUTS:
        path = staged.folder / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                found.update(f"\0{file.relative_to(staged.folder)}\0".encode() + file.read_bytes())
    return found.hexdigest()[:16]
