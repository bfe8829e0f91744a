"""A machine of its own with the distribution's Docker engine and two registries, in namespaces that end with it.

Nothing of it touches this machine: it has its own links (loopback alone), mounts and processes, and its socket lies in a
folder of the test. The tool is run inside its network, so it meets the registries on 127.0.0.1, as people do.
"""

import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from fogflow_k8s.engine.reporter import Silent
from fogflow_k8s.sandbox.assets import RUNTIME
from fogflow_k8s.sandbox.programs import ensure
from tests.documents import parse
from tests.real.images import write_archive

ADVICE = "these tests need {}: as root, apt-get install docker.io (its engine need not run)"
UPSTREAM, MIRROR = "127.0.0.1:5000", "127.0.0.1:5001"
START_S = 60  # a hang guard
GROUP = f"fogflow-k8s-test-{os.getpid()}"  # below it are the cgroups of containers that were run


class Machine:
    """What runs, and how to use it."""

    def __init__(self, folder: Path, crane: str) -> None:
        self.folder, self.crane_path = folder, crane
        self.socket = folder / "docker.sock"
        kept = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("FOGFLOW_K8S_", "DOCKER_")) or k == "FOGFLOW_K8S_CACHE"
        }
        self.env = {
            **kept,
            "DOCKER_HOST": f"unix://{self.socket}",
            "DOCKER_CONFIG": str(folder / "no-logins"),
            "KUBECONFIG": str(folder / "no-cluster"),
            "NO_COLOR": "1",
        }

    def start(self) -> None:
        """Raises unless everything answers in time."""
        registries = [
            {
                "name": name,
                "argv": [self.crane_path, "registry", "serve", "--address", address, "--disk", str(self.disk(name))],
            }
            for name, address in (("upstream", UPSTREAM), ("mirror", MIRROR))
        ]
        settings = self.folder / "daemon.json"
        settings.write_text(
            json.dumps({"deprecated-key-path": str(self.folder / "key.json")})
        )  # 20.10 writes one always
        flags = {
            "config-file": settings, "data-root": self.disk("data"), "exec-root": "/run/docker", "pidfile": "/run/docker.pid",
            "host": f"unix://{self.socket}", "cgroup-parent": GROUP, "bridge": "none", "iptables": "false", "ip-masq": "false",
        }  # fmt: skip
        dockerd = {
            "name": "dockerd",
            "argv": [shutil.which("dockerd", path="/usr/sbin:/usr/bin"), *(f"--{k}={v}" for k, v in flags.items())],
        }
        spec = {
            "name": "engine", "folder": str(self.folder), "keep": str(self.folder), "cgroup": "none", "sysctl": {}, "disks": True,
            "daemons": [dockerd, *registries],
        }  # fmt: skip
        (self.folder / "log").mkdir()
        (self.folder / "spec.json").write_text(json.dumps(spec))
        unshare = [
            "setpriv",
            "--pdeathsig",
            "KILL",
            "unshare",
            "--net",
            "--mount",
            "--pid",
            "--uts",
            "--ipc",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ]
        init = [sys.executable, "-I", "-S", str(RUNTIME / "init.py"), str(self.folder / "spec.json")]
        self.process = subprocess.Popen(
            [*unshare, *init], stdin=subprocess.DEVNULL
        )  # and it ends with us, however that comes
        self.until((self.folder / "ready").exists)
        self.inside("ip", "link", "set", "lo", "up")
        (self.folder / "go").touch()
        self.until(self._answers)

    def end(self) -> None:
        """Cut its power."""
        self.process.kill()
        self.process.wait(timeout=START_S)
        for parent in Path("/sys/fs/cgroup").glob(f"**/{GROUP}"):
            for group in sorted((path for path in parent.rglob("*") if path.is_dir()), reverse=True):
                group.rmdir()
            parent.rmdir()

    def disk(self, name: str) -> Path:
        """A folder of one of its programs."""
        folder = self.folder / "disks" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def pid(self) -> int:
        """Its first process."""
        return int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])

    def inside(self, *argv, code: int | None = 0, env=None) -> subprocess.CompletedProcess:
        """Run a program in its network. The exit code is part of every expectation."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.pid), "-n", *map(str, argv)],
            env={**self.env, **(env or {})}, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert code is None or done.returncode == code, f"{argv}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def tool(self, *words, code: int = 0, **env) -> subprocess.CompletedProcess:
        """Run `fogflow-k8s images` there."""
        return self.inside(sys.executable, "-m", "fogflow_k8s", "images", *words, code=code, env=env)

    def json(self, *words, code: int = 0) -> dict:
        """The document that `fogflow-k8s images WORDS -o json` prints."""
        return parse(self.tool(*words, "-o", "json", code=code).stdout)

    def crane(self, *words) -> str:
        """Run crane there."""
        return self.inside(self.crane_path, *words, "--insecure").stdout.strip()

    def client(self, timeout=60):
        """The engine, through the SDK."""
        import docker

        return docker.DockerClient(base_url=f"unix://{self.socket}", timeout=timeout)

    def until(self, check) -> None:
        """Wait until `check` is true."""
        end = time.monotonic() + START_S
        while not check():
            assert time.monotonic() < end, self.logs()
            assert self.process.poll() is None, self.logs()
            time.sleep(0.02)

    def logs(self) -> str:
        """The last lines of its programs."""
        return "\n".join(f"{log.name}: {log.read_text()[-1500:]}" for log in (self.folder / "log").glob("*.log"))

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as knock:
            if knock.connect_ex(str(self.socket)):
                return False
        ask = "import socket, sys; [socket.create_connection(('127.0.0.1', p), 1).close() for p in (5000, 5001)]"
        return self.inside(sys.executable, "-c", ask, code=None).returncode == 0


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    """The machine, with every image of the chart for two platforms in its upstream registry."""
    if os.geteuid() != 0:
        pytest.fail(ADVICE.format("root"))
    if not shutil.which("dockerd", path="/usr/sbin:/usr/bin"):
        pytest.fail(ADVICE.format("the distribution's Docker engine"))
    folder = tmp_path_factory.mktemp("engine")
    it = Machine(folder, str(ensure(["crane"], Silent())["crane"]))
    before = _footprint()
    try:
        it.start()
        yield it
    finally:
        it.end()
        shutil.rmtree(folder)
        assert _footprint() == before


def _footprint() -> dict[str, set[str]]:
    """What an engine could leave on this machine: mounts, links, cgroups, files at its usual places."""
    mounts = {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()}
    usual = {
        path for path in ("/var/run/docker.sock", "/var/lib/docker", "/etc/docker/key.json") if Path(path).exists()
    }
    groups = {str(path) for path in Path("/sys/fs/cgroup").glob("**/docker*")}
    groups |= {str(path) for path in Path("/sys/fs/cgroup").glob(f"**/{GROUP}*")}
    return {
        "mounts": mounts,
        # those of sandboxes (fogflow0, ...) belong to runs of other tests, which begin and end meanwhile
        "links": {link.name for link in Path("/sys/class/net").iterdir() if not re.fullmatch(r"fogflow\d+", link.name)},
        "groups": groups,
        "files": usual,
    }


def archive(folder: Path, *tags: str, content: bytes = b"made by a test") -> Path:
    """A file of `docker save` with one image, which holds /content."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as files:
        entry = tarfile.TarInfo("content")
        entry.size = len(content)
        files.addfile(entry, io.BytesIO(content))
    path = folder / "image.tar"
    write_archive(path, tags, layer.getvalue(), {"Cmd": ["/content"]})
    return path


@pytest.fixture(scope="session")
def chart_images(machine, tmp_path_factory):
    """Every image of the chart stands in the upstream registry, for amd64 and arm64; the documents of `images list`."""
    folder = tmp_path_factory.mktemp("archives")
    images = machine.json("list", "--set", f"global.imageRegistry={UPSTREAM}")["images"]
    for image in images:
        name = f"{UPSTREAM}/{image['repository']}"
        machine.crane("push", archive(folder, image["image"], content=image["image"].encode()), f"{name}:amd64")
        machine.crane("mutate", f"{name}:amd64", "--set-platform", "linux/arm64", "-t", f"{name}:arm64")
        machine.crane("index", "append", "-m", f"{name}:amd64", "-m", f"{name}:arm64", "-t", image["image"])
    return images
