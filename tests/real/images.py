"""The images of the tests with real nodes: real RabbitMQ, nginx and Python out of Debian's packages, and our Go programs.

No registry of images is asked: apt resolves and fetches the packages of a suite (into a folder of its own, with nothing
installed on this machine), they are unpacked into one layer, and what their install scripts would do for a container is
done here. An image carries the name that the chart asks for, so the chart is tested as it is.

    python -m tests.real.images             makes all of them, and says how large and how quick
    python -m tests.real.images NAME...     makes these only
    python -m tests.real.images --demo      makes those of `make demo`; the archives on stdout, the progress on stderr
    python -m tests.real.images --check     says why they cannot be made on this machine, or nothing
"""

import fcntl
import gzip
import hashlib
import inspect
import io
import json
import platform
import shutil
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import fogflow_k8s
from fogflow_k8s.actions.images import worker
from fogflow_k8s.actions.images.build import NAME
from fogflow_k8s.adapters.assets import asset
from fogflow_k8s.adapters.docker import build_context
from fogflow_k8s.adapters.process import SystemRunner
from fogflow_k8s.adapters.state_dir import cache_home
from fogflow_k8s.engine.reporter import Silent
from tests.go_tools import built
from tests.real import debian
from tests.real.debian import Debian
from tests.vegeta import vegeta

FOLDER = cache_home() / "test-images"
"""Where they are kept, by content: a second run on a machine makes none."""
FAKES = Path(__file__).parents[1] / "fakes"
APP_VERSION = "3.2.8"
_RABBITMQ = {
    "Entrypoint": ["/usr/lib/rabbitmq/bin/rabbitmq-server"],
    "Env": ["PATH=/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"],
}
IMAGES = {
    "rabbitmq": Debian(("docker.io/library/rabbitmq:4.3",), "sid", ("rabbitmq-server",), _RABBITMQ),
    "rabbitmq-3.10": Debian(("docker.io/library/rabbitmq:3.10",), "bookworm", ("rabbitmq-server",), _RABBITMQ),
    "nginx": Debian(
        ("docker.io/nginxinc/nginx-unprivileged:1.29-alpine", "docker.io/nginxinc/nginx-unprivileged:next"),
        "trixie",
        ("nginx-light",),
        {"Entrypoint": ["/usr/sbin/nginx", "-g", "daemon off;"], "StopSignal": "SIGQUIT"},
        {"var/log/nginx/error.log": "/dev/stderr", "var/log/nginx/access.log": "/dev/stdout"},
        shell=False,
    ),
    "python": Debian(
        ("docker.io/library/python:3.13-alpine",),
        "trixie",
        ("python3-minimal", "libpython3-stdlib"),
        {"Cmd": ["/usr/bin/python3"], "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"]},
        shell=False,
    ),
    "busybox": Debian(
        ("docker.io/library/busybox:1",),
        "trixie",
        ("busybox-static",),
        {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"]},
        shell=False,
    ),
    "crash": Debian(  # an nginx that ends as soon as it starts
        ("docker.io/nginxinc/nginx-unprivileged:crash",),
        "trixie",
        ("busybox-static",),
        {"Entrypoint": ["/bin/sh", "-c", "echo 'nginx: [emerg] no such thing'; exit 1"], "Env": ["PATH=/bin"]},
        shell=False,
    ),
}
OURS = "fogflow-k8s-worker"
GO = ("discovery", "broker", "master", "worker", "designer", "operator")
USUAL = (*(name for name in IMAGES if name != "rabbitmq-3.10"), *GO, OURS)
"""What most tests need; one in `make all` asks for the rest."""
DEMO = ("rabbitmq", "nginx", "python", *GO)
"""What `make demo` needs: the chart with its default values, and a task."""


def build(folder: Path = FOLDER, *, names=None, say=lambda _: None) -> dict[str, Path]:
    """The archive of each image by name, made when it is not in the folder yet; one process at a time does it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = {}
        for name in names or USUAL:
            start = time.monotonic()
            made[name] = (
                _own_worker(folder) if name == OURS else _go(name, folder) if name in GO else _debian(name, folder)
            )
            say(f"{name:<14} {made[name].stat().st_size >> 20:>4} MiB  {time.monotonic() - start:5.1f} s")
        return made


def _debian(name: str, folder: Path) -> Path:
    image = IMAGES[name]
    archive = folder / f"{name}-{_digest(repr(image).encode(), _RECIPE)}.tar"
    if not archive.exists():
        root = folder / f".root-{name}"
        shutil.rmtree(root, ignore_errors=True)
        debian.unpack(debian.fetch(image, folder / f"apt-{image.suite}"), root)
        debian.finish(root, image)
        write_archive(archive, image.tags, _layer(root), image.config)
        shutil.rmtree(root)
    return archive


def _layer(root: Path) -> bytes:
    """The folder as a layer; the same files give the same bytes, so that a node that has it fetches nothing."""
    buffer = io.BytesIO()

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "root", "root"
        return entry

    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(root.iterdir()):
            archive.add(path, path.name, filter=plain)
    return buffer.getvalue()


def program(name: str) -> Path:
    """One of the fakes, built: a static binary, as upstream ships its programs."""
    return built(FAKES, *(f"./{each}" for each in GO)) / name


def _go(name: str, folder: Path) -> Path:
    """A fake's image: the binary and nothing else."""
    binary = program(name)
    archive = folder / f"{name}-{_digest(binary.read_bytes(), _RECIPE)}.tar"
    if not archive.exists():
        tags = (f"docker.io/fogflow/{name}:{APP_VERSION}",)
        write_archive(archive, tags, _binary(name, binary), {"Entrypoint": [f"/{name}"], "WorkingDir": "/"})
    return archive


def _binary(name: str, binary: Path) -> bytes:
    """A layer with one program."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = binary.stat().st_size, 0o755
        with binary.open("rb") as content:
            layer.addfile(entry, content)
    return buffer.getvalue()


def _own_worker(folder: Path) -> Path:
    """Our own worker as the product makes it with its load generator, on Debian's Python instead of python:3.13-slim: both have glibc."""
    python, ours = _debian("python", folder), Path(fogflow_k8s.__file__).parent
    parts = [ours / "worker/requirements.txt", asset("Containerfile"), Path(worker.__file__)]
    parts += [vegeta(), *worker.modules(ours).values()]
    archive = folder / f"{OURS}-{_digest(python.name.encode(), _RECIPE, *(part.read_bytes() for part in parts))}.tar"
    if not archive.exists():
        with tempfile.TemporaryDirectory(dir=folder) as made:
            worker.make(Path(made), "linux/amd64", SystemRunner(), Silent())
            added = build_context.pack(Path(made), "app")
        with tarfile.open(python) as base:
            below = gzip.decompress(base.extractfile("layer.tar").read())
        said = _of_recipe()
        config = {**said, "Env": [*IMAGES["python"].config["Env"], *said["Env"]]}
        write_archive(archive, (NAME,), below, config, _binary("usr/bin/vegeta", vegeta()), added)
    return archive


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def _of_recipe() -> dict:
    """What the Containerfile says of the container."""
    said = dict(line.split(" ", 1) for line in asset("Containerfile").read_text().splitlines() if line[:1].isupper())
    return {"Env": said["ENV"].split(), "User": said["USER"], "Entrypoint": json.loads(said["ENTRYPOINT"])}


def write_archive(path: Path, tags, layer: bytes, config: dict, *above: bytes, architecture="amd64") -> None:
    """An image of one layer (or more), in the form of `docker save`; complete or not there."""
    stack = {f"layer{number or ''}.tar": content for number, content in enumerate((layer, *above))}
    about = {
        "architecture": architecture,
        "os": "linux",
        "config": config,
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{hashlib.sha256(one).hexdigest()}" for one in stack.values()],
        },
    }
    manifest = [{"Config": "config.json", "RepoTags": list(tags), "Layers": list(stack)}]
    files = {"manifest.json": json.dumps(manifest).encode(), "config.json": json.dumps(about).encode()}
    packed = {
        name: gzip.compress(one, compresslevel=1, mtime=0) for name, one in stack.items()
    }  # once, not at every load
    half = path.with_suffix(".half")
    with tarfile.open(half, mode="w") as archive:
        for name, content in [*files.items(), *packed.items()]:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    half.rename(path)


_RECIPE = "".join(map(inspect.getsource, (debian, _layer, write_archive))).encode()
"""What makes an image out of its parts: with another recipe it is made anew."""


def unavailable() -> str:
    """Why the images cannot be made on this machine; empty when they can be."""
    if platform.machine() != "x86_64":
        return f"the images are for amd64, and this machine is {platform.machine()}"
    missing = [name for name in ("apt-get", "dpkg-deb", "ldconfig") if not shutil.which(name)]
    if missing:
        return f"they are made of Debian's packages, which needs {', '.join(missing)}"
    try:
        debian._mirror()
    except LookupError as error:
        return str(error)
    return ""


def main(words: list[str]) -> None:
    """As the module's text says."""
    if words == ["--check"]:
        print(unavailable(), end="")
    elif words == ["--demo"]:
        for archive in build(names=DEMO, say=lambda line: print(f"  {line}", file=sys.stderr, flush=True)).values():
            print(archive)
    else:
        build(names=words or None, say=print)


if __name__ == "__main__":
    main(sys.argv[1:])
