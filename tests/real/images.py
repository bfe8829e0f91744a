"""The images of the tests with real nodes: real RabbitMQ, nginx and Python out of Debian's packages, and our Go programs.

No registry of images is asked: apt resolves and fetches the packages of a suite (into a folder of its own, with nothing
installed on this machine), they are unpacked into one layer, and what their install scripts would do for a container is
done here. An image carries the name that the chart asks for, so the chart is tested as it is.

    python -m tests.real.images FOLDER      makes all of them, and says how large and how quick
"""

import fcntl
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from fogflow_k8s.actions import worker_app
from fogflow_k8s.actions.image_build import NAME
from fogflow_k8s.adapters import layers
from fogflow_k8s.adapters.assets import asset
from fogflow_k8s.adapters.process import SystemRunner
from fogflow_k8s.engine.reporter import Silent

STANDINS = Path(__file__).parents[1] / "standins"
APP_VERSION = "3.2.8"
_SHELL = ("dash", "coreutils", "sed", "grep", "gawk", "base-files")
_USELESS = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/perl", "usr/share/lintian", "usr/lib/systemd",
            "usr/share/info", "usr/share/bug", "var/cache", "var/lib/dpkg", "usr/lib/x86_64-linux-gnu/systemd",
            "usr/lib/x86_64-linux-gnu/perl-base", "usr/lib/x86_64-linux-gnu/gconv")  # fmt: skip
_PASSWD = "root:x:0:0:root:/:/bin/sh\nfogflow:x:999:999::/tmp:/bin/sh\nnginx:x:101:101::/tmp:/bin/sh\n"
_GROUP = "root:x:0:\nfogflow:x:999:\nnginx:x:101:\n"


@dataclass(frozen=True)
class Debian:
    """An image of Debian packages."""

    tags: tuple[str, ...]
    suite: str
    packages: tuple[str, ...]
    config: dict = field(default_factory=dict)
    links: dict = field(default_factory=dict)
    shell: bool = True


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
_APPLETS = ("sh", "sleep", "httpd", "wget", "nc", "cat", "echo", "ls", "ip", "nslookup", "env", "kill", "ps", "hostname", "id",
            "true", "false", "date", "touch", "mkdir", "mount", "grep", "head", "seq", "dd", "timeout", "cp", "rm", "tail")  # fmt: skip


def build(folder: Path, *, names=None, say=lambda _: None) -> dict[str, Path]:
    """The archive of each image by name, made when it is not in the folder yet; one process at a time does it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = {}
        for name in names or [*IMAGES, *GO, OURS]:
            start = time.monotonic()
            made[name] = (
                _own_worker(folder) if name == OURS else _go(name, folder) if name in GO else _debian(name, folder)
            )
            say(f"{name:<14} {made[name].stat().st_size >> 20:>4} MiB  {time.monotonic() - start:5.1f} s")
        return made


def _debian(name: str, folder: Path) -> Path:
    image = IMAGES[name]
    recipe = hashlib.sha256(repr((image, Path(__file__).read_text())).encode()).hexdigest()[:12]
    archive = folder / f"{name}-{recipe}.tar"
    if not archive.exists():
        root = folder / f".root-{name}"
        shutil.rmtree(root, ignore_errors=True)
        _unpack(_fetch(image, folder / f"apt-{image.suite}"), root)
        _finish(root, image)
        write_archive(archive, image.tags, _layer(root), image.config)
        shutil.rmtree(root)
    return archive


def _fetch(image: Debian, state: Path) -> list[Path]:
    """The packages and all that they depend on, fetched and checked by apt into a folder of ours."""
    archives = state / "cache" / "archives" / "-".join(image.packages)
    for each in (state / "lists/partial", state / "cache", archives / "partial"):
        each.mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    sources = state / "sources.list"
    sources.write_text(f"deb {_mirror()} {image.suite} main\n")
    options = {
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::State::lists": state / "lists",
        "Dir::Cache": state / "cache",
        "Dir::Cache::archives": archives,
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    apt = ["apt-get", "-y", "-qq", *(f"-o{key}={value}" for key, value in options.items())]
    lists = list((state / "lists").glob("*_Packages*"))
    if not lists or time.time() - max(one.stat().st_mtime for one in lists) > 86400:
        _run([*apt, "update"])
    _run([*apt, "--download-only", "install", *image.packages, *(_SHELL if image.shell else ())])
    return sorted(archives.glob("*.deb"))


def _mirror() -> str:
    """The Debian mirror that this machine is set up with."""
    files = [*Path("/etc/apt/sources.list.d").glob("*.sources"), Path("/etc/apt/sources.list")]
    text = "\n".join(file.read_text() for file in files if file.exists())
    for uri in re.findall(r"^(?:URIs:|deb(?:\s+\[[^]]*\])?)\s+(\S+)", text, re.MULTILINE):
        if uri.rstrip("/").endswith("/debian"):
            return uri
    raise LookupError("no Debian mirror in /etc/apt: these images are made of Debian's packages")


def _unpack(packages: list[Path], root: Path) -> None:
    for name in (
        "usr/bin",
        "usr/sbin",
        "usr/lib",
        "usr/lib64",
        "tmp",
        "etc",
        "proc",
        "sys",
        "dev",
        "run",
        "var/log/nginx",
    ):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    for package in packages:
        files = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", root, "--keep-directory-symlink"], input=files, check=True)


def _finish(root: Path, image: Debian) -> None:
    """What the install scripts would have done, as far as a container needs it."""
    for each in _USELESS:
        shutil.rmtree(root / each, ignore_errors=True)
    (root / "etc/passwd").write_text(_PASSWD)
    (root / "etc/group").write_text(_GROUP)
    for name, target in image.links.items():
        (root / name).unlink(missing_ok=True)
        (root / name).symlink_to(target)
    if (root / "usr/bin/busybox").exists():
        for applet in _APPLETS:
            (root / "usr/bin" / applet).symlink_to("busybox")
    if image.shell and not (root / "usr/bin/sh").exists():
        (root / "usr/bin/sh").symlink_to("dash")
    if (root / "usr/bin/gawk").exists():
        (root / "usr/bin/awk").symlink_to("gawk")
    (root / "tmp").chmod(0o1777)
    _run(["ldconfig", "-r", root])


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


def _go(name: str, folder: Path) -> Path:
    """One of the stand-ins, as upstream ships its programs: a static binary and nothing else."""
    sources = sorted(file for file in STANDINS.rglob("*") if file.suffix in {".go", ".mod", ".sum"})
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in [*sources, Path(__file__)])).hexdigest()[:12]
    archive = folder / f"{name}-{digest}.tar"
    if not archive.exists():
        binary = folder / f".bin-{name}"
        env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": ""}
        _run(["go", "build", "-C", STANDINS, "-trimpath", "-ldflags=-s -w", "-o", binary, f"./{name}"], env=env)
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as layer:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = binary.stat().st_size, 0o755
            with binary.open("rb") as content:
                layer.addfile(entry, content)
        tags = (f"docker.io/fogflow/{name}:{APP_VERSION}",)
        write_archive(archive, tags, buffer.getvalue(), {"Entrypoint": [f"/{name}"], "WorkingDir": "/"})
        binary.unlink()
    return archive


def _own_worker(folder: Path) -> Path:
    """Our own worker as the product makes it, on Debian's Python instead of python:3.13-slim: both have glibc."""
    python, ours = _debian("python", folder), Path(worker_app.__file__).parents[1]
    parts = [ours / "worker/requirements.txt", asset("Containerfile"), Path(__file__), *sorted(ours.rglob("*.py"))]
    digest = hashlib.sha256(python.name.encode() + b"".join(part.read_bytes() for part in parts)).hexdigest()[:12]
    archive = folder / f"{OURS}-{digest}.tar"
    if not archive.exists():
        with tempfile.TemporaryDirectory(dir=folder) as made:
            worker_app.make(Path(made), "linux/amd64", SystemRunner(), Silent())
            added = layers.packed(Path(made), "app")
        with tarfile.open(python) as base:
            below = gzip.decompress(base.extractfile("layer.tar").read())
        said = _of_recipe()
        config = {**said, "Env": [*IMAGES["python"].config["Env"], *said["Env"]]}
        write_archive(archive, (NAME,), below, config, added)
    return archive


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


def _run(argv, **more) -> None:
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, f"{argv[0]}: {done.stderr[-2000:]}"


if __name__ == "__main__":
    build(Path(sys.argv[1]), names=sys.argv[2:] or None, say=print)
