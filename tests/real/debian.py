"""The file system of an image out of Debian's packages: apt resolves and fetches them, and nothing is installed on this machine."""

import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

_SHELL = ("dash", "coreutils", "sed", "grep", "gawk", "base-files")
_USELESS = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/perl", "usr/share/lintian", "usr/lib/systemd",
            "usr/share/info", "usr/share/bug", "var/cache", "var/lib/dpkg", "usr/lib/x86_64-linux-gnu/systemd",
            "usr/lib/x86_64-linux-gnu/perl-base", "usr/lib/x86_64-linux-gnu/gconv")  # fmt: skip
_PASSWD = "root:x:0:0:root:/:/bin/sh\nfogflow:x:999:999::/tmp:/bin/sh\nnginx:x:101:101::/tmp:/bin/sh\n"
_GROUP = "root:x:0:\nfogflow:x:999:\nnginx:x:101:\n"
_APPLETS = ("sh", "sleep", "httpd", "wget", "nc", "cat", "echo", "ls", "ip", "nslookup", "env", "kill", "ps", "hostname", "id",
            "true", "false", "date", "touch", "mkdir", "mount", "grep", "head", "seq", "dd", "timeout", "cp", "rm", "tail")  # fmt: skip


@dataclass(frozen=True)
class Debian:
    """An image of Debian packages."""

    tags: tuple[str, ...]
    suite: str
    packages: tuple[str, ...]
    config: dict = field(default_factory=dict)
    links: dict = field(default_factory=dict)
    shell: bool = True


def fetch(image: Debian, state: Path) -> list[Path]:
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


def unpack(packages: list[Path], root: Path) -> None:
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


def finish(root: Path, image: Debian) -> None:
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


def _run(argv, **more) -> None:
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, f"{argv[0]}: {done.stderr[-2000:]}"
