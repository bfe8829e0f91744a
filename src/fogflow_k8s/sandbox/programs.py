"""The programs of a sandbox: unmodified releases, built once from one pinned Go module and kept in a cache."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from fogflow_k8s.adapters.kubernetes import kubectl
from fogflow_k8s.adapters.process import RunningChild, SystemRunner
from fogflow_k8s.adapters.state_dir import cache_home
from fogflow_k8s.engine.reporter import Reporter
from fogflow_k8s.engine.waiting import wait_for
from fogflow_k8s.errors import FogflowError, ToolMissing
from fogflow_k8s.sandbox.assets import MODULES
from fogflow_k8s.sandbox.lock import exclusive
from fogflow_k8s.sandbox.toolchain import Toolchain, find_toolchain

PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kwok": "sigs.k8s.io/kwok/cmd/kwok",
    "helm": "helm.sh/helm/v4/cmd/helm",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
}
NODE_PACKAGES = {
    "containerd": "github.com/containerd/containerd/v2/cmd/containerd",
    "containerd-shim-runc-v2": "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
    "kubelet": "k8s.io/kubernetes/cmd/kubelet",
    "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
    "crane": "github.com/google/go-containerregistry/cmd/crane",
    "coredns": "./coredns",
    "pause": "./pause",
}
"""What real nodes need beside PACKAGES; runc, the CNI plugins and iptables come from the distribution."""
_ALL = PACKAGES | NODE_PACKAGES
_BUILT_AS = {"etcd": "server"}  # go names a binary after its folder
_ABOUT_PACKAGES = 3000  # of the whole set, from an empty Go cache
_BUILD_LIMIT_S = 3 * 3600.0
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def architecture() -> str:
    """This machine's architecture in Go's and Kubernetes' words."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def version_of(module: str) -> str:
    """The version, `v1.2.3`, at which our go.mod requires a module."""
    found = re.search(rf"^(?:require)?\s*{re.escape(module)} (v\S+)", _text("go.mod"), re.MULTILINE)
    if found is None:
        raise LookupError(module)  # pragma: no cover - a mistake of ours in PACKAGES or go.mod
    return found[1]


def build_flags() -> list[str]:
    """The flags of `go build`. Part of the cache key: another flag, another binary."""
    kubernetes = version_of("k8s.io/kubernetes")
    major, minor = kubernetes.removeprefix("v").split(".")[:2]
    base = "k8s.io/component-base/version"
    stamps = {
        # unstamped, kubectl fails to parse its own version and helm says only "v4.3"
        f"{base}.gitVersion": kubernetes,
        f"{base}.gitMajor": major,
        f"{base}.gitMinor": minor,
        "helm.sh/helm/v4/internal/version.version": version_of("helm.sh/helm/v4"),
        "sigs.k8s.io/kwok/pkg/consts.Version": version_of("sigs.k8s.io/kwok"),
    }
    return [
        "-mod=readonly",
        "-trimpath",
        "-buildvcs=false",
        "-gcflags=all=-l -dwarf=false",  # no inlining, no debug information: a third less time, and a smaller file
        "-ldflags=-s -w " + " ".join(f"-X {name}={value}" for name, value in stamps.items()),
    ]


def digest() -> str:
    """The name of our set of programs: of module files, flags and platform."""
    parts = [
        _text("go.mod"),
        _text("go.sum"),
        _text("coredns/main.go"),
        _text("pause/main.go"),
        *build_flags(),
        "linux",
        architecture(),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def built(name: str) -> Path | None:
    """The program in the cache, or None; builds nothing."""
    path = _folder() / name
    return path if path.is_file() else None


def find(name: str) -> Path | None:
    """The program that `ensure` would take without building: a good one on PATH (helm, kubectl), or the cached one."""
    return _on_path(name) or built(name)


def ensure(names: Iterable[str], report: Reporter) -> dict[str, Path]:
    """The path of each program; what is neither on PATH (helm, kubectl) nor in the cache is built first.

    Raises ToolMissing (no Go), FogflowError (no room, no module proxy, a compile error), Busy.
    """
    found = {name: find(name) for name in names}
    if all(found.values()):
        return {name: path for name, path in found.items() if path}
    try:
        _folder().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with exclusive(
            _folder().parent / ".lock", report, "another process is building; waiting for it", _BUILD_LIMIT_S
        ):
            missing = [name for name in found if not found[name] and not built(name)]
            if missing:
                _build(missing, report)
    except OSError as error:
        raise _explained(str(error), error) from error
    return {name: path or _folder() / name for name, path in found.items()}


def _build(names: Sequence[str], report: Reporter) -> None:
    """Build into a folder beside the cache and move each program in when all of them are there."""
    toolchain = find_toolchain(SystemRunner(), _text("go.mod"))
    home = _folder().parent
    for leftover in home.glob(".building-*"):  # we hold the lock: nobody is building there
        shutil.rmtree(leftover, ignore_errors=True)
    report.step(
        f"building {', '.join(names)} (once; usually 6 to 12 minutes on 2 cores, seconds when Go has them cached)"
    )
    target = Path(tempfile.mkdtemp(prefix=".building-", dir=home))
    start = time.monotonic()
    try:
        _compile(toolchain, names, target, report)
        _folder().mkdir(exist_ok=True, mode=0o700)
        for name in names:
            (target / _BUILT_AS.get(name, name)).rename(_folder() / name)
    finally:
        shutil.rmtree(target, ignore_errors=True)
    report.log(f"built {len(names)} programs in {time.monotonic() - start:.0f} s")


def _compile(toolchain: Toolchain, names: Sequence[str], target: Path, report: Reporter) -> None:
    own = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GOOS": "linux", "GOARCH": architecture()}
    argv = [str(toolchain.go), "build", "-C", str(MODULES), "-v", *build_flags(), "-o", f"{target}/"]
    child = SystemRunner(env={**os.environ, **own, **toolchain.env}).start(argv + [_ALL[name] for name in names])

    told: set[str] = set()

    def tell(_: object) -> None:
        _show(child, names, target, told, report)

    try:
        done = wait_for("the build", child.poll, lambda it: it is not None, timeout_s=_BUILD_LIMIT_S, on_tick=tell)
    except BaseException:
        child.stop()
        raise
    absent = [name for name in names if not (target / _BUILT_AS.get(name, name)).is_file()]
    if done is None or done.code or absent:
        raise _explained(done.stderr if done else "")


def _show(child: RunningChild, names: Sequence[str], target: Path, told: set[str], report: Reporter) -> None:
    """A line for each program that is new, and how far the compiler is."""
    for name in names:
        if name not in told and (target / _BUILT_AS.get(name, name)).is_file():
            told.add(name)
            report.log(f"{name} is built ({len(told)} of {len(names)})")
    if child.poll() is None:
        compiled = sum(not line.startswith("go: ") for line in child.errors_so_far().splitlines())
        text = f"packages compiled; programs built: {len(told)} of {len(names)}"
        report.progress(text, min(compiled, _ABOUT_PACKAGES), _ABOUT_PACKAGES)


def _explained(stderr: str, cause: OSError | None = None) -> FogflowError:
    """What went wrong, by what go (or the operating system) said."""
    said = [
        line for line in stderr.splitlines() if not re.fullmatch(r"[\w./~-]+", line)
    ]  # -v's lines are package names
    tail = "\n".join(said[-12:]) or "go build failed and said nothing"
    if "no space left on device" in stderr.lower() or (cause and cause.errno in {errno.ENOSPC, errno.EDQUOT}):
        return FogflowError(
            f"no room left while building the sandbox's programs in {_folder().parent}\n{_about_room(tail)}",
            hint="6 GB are needed, most of it by Go's own cache (`go env GOCACHE GOMODCACHE`): make room, or point "
            "FOGFLOW_K8S_CACHE, GOCACHE, GOMODCACHE and TMPDIR at a larger disk",
        )
    if cause:
        return FogflowError(
            f"cannot keep programs in {_folder().parent}: {tail}", hint="set FOGFLOW_K8S_CACHE to a folder of yours"
        )
    if re.search(r"dial tcp|no such host|TLS handshake|proxyconnect|connection refused|i/o timeout", stderr):
        hint = "the Go module proxy could not be reached: check the network, GOPROXY and HTTPS_PROXY"
        return ToolMissing(f"the sandbox's programs could not be fetched:\n{tail}", hint=hint)
    return FogflowError(f"the sandbox's programs could not be built:\n{tail}", hint="nothing was kept; try again")


def _about_room(said: str) -> str:
    """The file that did not fit; go says it once per program, with all that it was copying."""
    found = re.search(r"(?:write )?(\S+): no space left on device", said, re.IGNORECASE)
    return f"{found[1]}: no space left on device" if found else said


def _on_path(name: str) -> Path | None:
    """Helm or kubectl on PATH, when it is new enough to be used instead of one of ours."""
    judges = {"helm": _helm_is_good, "kubectl": _kubectl_is_good}
    path = shutil.which(name) if name in judges else None
    try:
        return Path(path) if path and judges[name](path) else None
    except FogflowError:  # it hangs, cannot be run, or answers something else
        return None


def _helm_is_good(path: str) -> bool:
    from fogflow_k8s.adapters.helm.client import check_version

    return bool(check_version(SystemRunner().run([path, "version", "--template", "{{.Version}}"], timeout_s=20).stdout))


def _kubectl_is_good(path: str) -> bool:
    return kubectl.fits(kubectl.client_version(SystemRunner(), path), version_of("k8s.io/kubernetes"))


def _folder() -> Path:
    return cache_home() / "programs" / digest()


def _text(name: str) -> str:
    return (MODULES / name).read_text()
