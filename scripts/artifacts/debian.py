"""The base of the image: Python and the libraries that it needs, out of Debian's packages, without a shell or a package manager.

A mirror changes, so debian.lock.json records each package of each architecture with its version and digest, and every build checks
them. apt reads the mirror that this machine is set up with (or DEBIAN_MIRROR) into a folder of its own; nothing is installed here,
and packages of another architecture are only unpacked.

    make lock     resolves the packages anew
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from artifacts.archive import file_digest

LOCK = Path(__file__).with_name("debian.lock.json")
SUITE = "trixie"
WANTED = ("python3-minimal", "libpython3-stdlib")
INSTALLERS = frozenset({"dpkg", "tar", "debconf", "libacl1", "libmd0", "libselinux1", "libpcre2-8-0"})
"""Packages that only the installation of others needs: apt resolves them, and the image goes without."""
_UNUSED = ("usr/share/doc-base", "usr/share/man", "usr/share/locale", "usr/share/lintian", "usr/share/info", "usr/share/bug",
           "usr/share/binfmts", "usr/share/debconf", "usr/share/applications", "usr/share/pixmaps", "usr/share/python3/debpython",
           "usr/share/readline", "usr/share/gcc", "usr/share/perl5", "var")  # fmt: skip
_LINKS = ("bin", "sbin", "lib", "lib64")
_USERS = "root:x:0:0:root:/root:/usr/sbin/nologin\nworker:x:65532:65532::/:/usr/sbin/nologin\n"
_GROUPS = "root:x:0:\nworker:x:65532:\n"
_TIMEOUT_S = 600


@dataclass(frozen=True)
class Package:
    """A package of Debian. `sha256`: the digest of its archive, in hex."""

    name: str
    version: str
    architecture: str
    sha256: str


class Apt:
    """apt-get for one architecture, with all of its state in `folder`."""

    def __init__(self, folder: Path, architecture: str) -> None:
        folder = folder.resolve()  # apt takes a relative path as one below its own folders
        self._folder, self._updated = folder, False
        for each in ("lists/partial", "cache/archives/partial"):
            (folder / each).mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        (folder / "sources.list").write_text(f"deb {_mirror()} {SUITE} main\n", encoding="utf-8")
        options = {
            "Dir::State": folder,
            "Dir::State::status": folder / "status",
            "Dir::State::lists": folder / "lists",
            "Dir::Cache": folder / "cache",
            "Dir::Etc::sourcelist": folder / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "APT::Architecture": architecture,
            "APT::Architectures": architecture,
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
        }
        self._argv = ["apt-get", "-y", "-qq", *(f"-o{key}={value}" for key, value in options.items())]

    def resolve(self) -> list[str]:
        """NAME=VERSION of the wanted packages and of all that they depend on."""
        self._update()
        plan = _run([*self._argv, "--simulate", "install", *WANTED])
        found = re.findall(r"^Inst (\S+) \((\S+) ", plan, re.MULTILINE)
        return sorted(f"{name.partition(':')[0]}={version}" for name, version in found)

    def download(self, packages: Sequence[str]) -> list[Path]:
        """The archives of these packages, given as NAME=VERSION. Raises LookupError when the mirror has another version."""
        self._update()
        into = self._folder / "download"
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir()
        try:
            _run([*self._argv, "download", *packages], cwd=into)
        except subprocess.CalledProcessError as error:
            raise LookupError(
                f"the Debian mirror does not have the packages of {LOCK.name}: {str(error.stderr).strip()[-400:]}\n"
                "run `make lock` for the newest ones, or set DEBIAN_MIRROR to a mirror that keeps old versions"
            ) from error
        return sorted(into.glob("*.deb"))

    def _update(self) -> None:
        if not self._updated:
            _run([*self._argv, "update"])
            self._updated = True


def locked(path: Path = LOCK) -> dict[str, list[Package]]:
    """Architecture -> the locked packages. Raises OSError, ValueError."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return {arch: [Package(**entry) for entry in entries] for arch, entries in found["packages"].items()}


def lock(architectures: Sequence[str], work: Path, path: Path = LOCK) -> None:
    """Write the newest versions of the packages into the lock file. Raises CalledProcessError."""
    packages = {}
    for architecture in architectures:
        apt = Apt(work / f"apt-{architecture}", architecture)
        names = [each for each in apt.resolve() if each.partition("=")[0] not in INSTALLERS]
        packages[architecture] = sorted(
            (_about(archive) for archive in apt.download(names)), key=lambda each: each.name
        )
    document = {
        "suite": SUITE,
        "packages": {arch: [asdict(each) for each in entries] for arch, entries in packages.items()},
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def fetch(packages: Sequence[Package], architecture: str, work: Path) -> list[Path]:
    """The archives of the locked packages, in their order; those that `work` has are not fetched again.

    Raises LookupError when the mirror does not have one, or has another file of its name and version.
    """
    store = work / "debian"
    store.mkdir(parents=True, exist_ok=True)
    missing = [each for each in packages if not _kept(store, each).exists()]
    if missing:
        apt = Apt(work / f"apt-{architecture}", architecture)
        digests = {
            file_digest(path): path for path in apt.download([f"{each.name}={each.version}" for each in missing])
        }
        for each in missing:
            if each.sha256 not in digests:
                raise LookupError(
                    f"{each.name} {each.version} ({architecture}) is not the file in {LOCK.name}: its digest differs"
                )
            digests[each.sha256].replace(_kept(store, each))
    return [_kept(store, each) for each in packages]


def unpack(archives: Sequence[Path], root: Path) -> None:
    """Unpack the archives into a new folder, as the root file system of a container. Raises CalledProcessError, OSError."""
    for name in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "tmp", "etc", "proc", "sys", "dev", "run"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in _LINKS:
        (root / name).symlink_to(f"usr/{name}")
    for archive in archives:
        argv = ["dpkg-deb", "--fsys-tarfile", str(archive)]
        files = subprocess.run(argv, check=True, capture_output=True, timeout=_TIMEOUT_S).stdout
        argv = ["tar", "-x", "-C", str(root), "--keep-directory-symlink", "--no-same-owner", "--same-permissions"]
        subprocess.run(argv, input=files, check=True, timeout=_TIMEOUT_S)
    _finish(root)


def _finish(root: Path) -> None:
    """Remove what a container does not need, and add its users. A folder's mode must not depend on this process."""
    for name in _UNUSED:
        shutil.rmtree(root / name, ignore_errors=True)
    for path in sorted((root / "usr/share/doc").rglob("*")):
        if not path.is_dir() and path.name != "copyright" and not path.parent.is_symlink():
            path.unlink()  # the licences stay
    for name, text in {"etc/passwd": _USERS, "etc/group": _GROUPS}.items():
        (root / name).write_text(text, encoding="utf-8")
        (root / name).chmod(0o644)
    for path in [root, *root.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    (root / "tmp").chmod(0o1777)


def _about(archive: Path) -> Package:
    fields = _run(["dpkg-deb", "--show", "--showformat=${Package}\n${Version}\n${Architecture}", str(archive)]).split(
        "\n"
    )
    return Package(fields[0], fields[1], fields[2], file_digest(archive))


def _kept(store: Path, package: Package) -> Path:
    return store / f"{package.sha256}.deb"


def _mirror() -> str:
    """DEBIAN_MIRROR, else the Debian mirror that this machine is set up with. Raises LookupError."""
    if given := os.environ.get("DEBIAN_MIRROR"):
        return given
    files: Mapping[str, str] = {
        str(path): path.read_text(encoding="utf-8")
        for path in [*Path("/etc/apt/sources.list.d").glob("*.sources"), Path("/etc/apt/sources.list")]
        if path.exists()
    }
    for text in files.values():
        for uri in re.findall(r"^(?:URIs:|deb(?:\s+\[[^]]*\])?)\s+(\S+)", text, re.MULTILINE):
            if uri.rstrip("/").endswith("/debian"):
                return str(uri)
    raise LookupError(
        "/etc/apt names no Debian mirror, from whose packages the image is made: set DEBIAN_MIRROR to the URL of one"
    )


def _run(argv: list[str], cwd: Path | None = None) -> str:
    env = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(argv, cwd=cwd, env=env, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S).stdout
