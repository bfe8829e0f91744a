"""The programs of a sandbox: unmodified releases, built from one pinned Go module and kept in a cache.

Building from source needs Go and a module proxy, and no container registry or download site. The cache key covers the
module files, the build flags and the platform, so a new version of this tool with the same programs builds nothing.
"""

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
"""What real nodes need in addition to PACKAGES; runc, the CNI plugins and iptables come from the distribution."""
_ALL = PACKAGES | NODE_PACKAGES
_BINARY_NAMES = {"etcd": "server"}  # go names a binary after its folder
_EXPECTED_PACKAGES = 3000  # for all programs, with an empty Go cache
_BUILD_LIMIT_S = 3 * 3600.0
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def architecture() -> str:
    """Return this machine's architecture by Go's and Kubernetes' name."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def version_of(module: str) -> str:
    """Return the version, `v1.2.3`, that go.mod requires of a module."""
    found = re.search(rf"^(?:require)?\s*{re.escape(module)} (v\S+)", _module_text("go.mod"), re.MULTILINE)
    if found is None:
        raise LookupError(module)  # pragma: no cover - a mistake in PACKAGES or go.mod
    return found[1]


def build_flags() -> list[str]:
    """Return the flags of `go build`. They are part of the cache key, because other flags give other binaries."""
    kubernetes = version_of("k8s.io/kubernetes")
    major, minor = kubernetes.removeprefix("v").split(".")[:2]
    base = "k8s.io/component-base/version"
    stamps = {
        # without these, kubectl fails to parse its own version and helm prints only "v4.3"
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


def cache_key() -> str:
    """Return the cache key of the programs: a digest of module files, flags and platform."""
    parts = [
        _module_text("go.mod"),
        _module_text("go.sum"),
        _module_text("coredns/main.go"),
        _module_text("pause/main.go"),
        *build_flags(),
        "linux",
        architecture(),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def cached_program(name: str) -> Path | None:
    """Return the program in the cache, or None; builds nothing."""
    path = _cache_folder() / name
    return path if path.is_file() else None


def find_program(name: str) -> Path | None:
    """Return the program that `ensure` would use without a build: a suitable helm or kubectl on PATH, or the cached one."""
    return _program_on_path(name) or cached_program(name)


def ensure(names: Iterable[str], report: Reporter) -> dict[str, Path]:
    """Return the path of each program; build those that are neither on PATH (helm, kubectl) nor in the cache.

    Raises ToolMissing (no Go), FogflowError (no disk space, no module proxy, a compile error), Busy.
    """
    found = {name: find_program(name) for name in names}
    if all(found.values()):
        return {name: path for name, path in found.items() if path}
    try:
        _cache_folder().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with exclusive(
            _cache_folder().parent / ".lock", report, "another process is building; waiting for it", _BUILD_LIMIT_S
        ):
            missing = [name for name in found if not found[name] and not cached_program(name)]
            if missing:
                _build(missing, report)
    except OSError as error:
        raise _build_error(str(error), error) from error
    return {name: path or _cache_folder() / name for name, path in found.items()}


def _build(names: Sequence[str], report: Reporter) -> None:
    """Build into a folder next to the cache, and move the programs when all are built."""
    toolchain = find_toolchain(SystemRunner(), _module_text("go.mod"))
    home = _cache_folder().parent
    for leftover in home.glob(".building-*"):  # this process holds the lock, so no build uses it
        shutil.rmtree(leftover, ignore_errors=True)
    report.step(
        f"building {', '.join(names)} (once; usually 6 to 12 minutes on 2 cores, seconds when Go has them cached)"
    )
    target = Path(tempfile.mkdtemp(prefix=".building-", dir=home))
    start = time.monotonic()
    try:
        _run_go_build(toolchain, names, target, report)
        _cache_folder().mkdir(exist_ok=True, mode=0o700)
        for name in names:
            (target / _BINARY_NAMES.get(name, name)).rename(_cache_folder() / name)
    finally:
        shutil.rmtree(target, ignore_errors=True)
    report.log(f"built {len(names)} programs in {time.monotonic() - start:.0f} s")


def _run_go_build(toolchain: Toolchain, names: Sequence[str], target: Path, report: Reporter) -> None:
    own = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GOOS": "linux", "GOARCH": architecture()}
    argv = [str(toolchain.go), "build", "-C", str(MODULES), "-v", *build_flags(), "-o", f"{target}/"]
    child = SystemRunner(env={**os.environ, **own, **toolchain.env}).start(argv + [_ALL[name] for name in names])

    reported: set[str] = set()

    def report_progress(_: object) -> None:
        _report_progress(child, names, target, reported, report)

    try:
        done = wait_for(
            "the build", child.poll, lambda it: it is not None, timeout_s=_BUILD_LIMIT_S, on_tick=report_progress
        )
    except BaseException:
        child.stop()
        raise
    absent = [name for name in names if not (target / _BINARY_NAMES.get(name, name)).is_file()]
    if done is None or done.code or absent:
        raise _build_error(done.stderr if done else "")


def _report_progress(
    child: RunningChild, names: Sequence[str], target: Path, reported: set[str], report: Reporter
) -> None:
    """Report each newly built program, and the compiler's progress."""
    for name in names:
        if name not in reported and (target / _BINARY_NAMES.get(name, name)).is_file():
            reported.add(name)
            report.log(f"{name} is built ({len(reported)} of {len(names)})")
    if child.poll() is None:
        compiled = sum(not line.startswith("go: ") for line in child.stderr_so_far().splitlines())
        text = f"packages compiled; programs built: {len(reported)} of {len(names)}"
        report.progress(text, min(compiled, _EXPECTED_PACKAGES), _EXPECTED_PACKAGES)


def _build_error(stderr: str, cause: OSError | None = None) -> FogflowError:
    """Return the error for the output of go, or of the operating system."""
    lines = [
        line for line in stderr.splitlines() if not re.fullmatch(r"[\w./~-]+", line)
    ]  # -v's lines are package names
    tail = "\n".join(lines[-12:]) or "go build failed without a message"
    if "no space left on device" in stderr.lower() or (cause and cause.errno in {errno.ENOSPC, errno.EDQUOT}):
        return FogflowError(
            f"no disk space left while building the sandbox's programs in {_cache_folder().parent}\n{_disk_full_message(tail)}",
            hint="6 GB are needed, most of it by Go's own cache (`go env GOCACHE GOMODCACHE`): free some space, or set "
            "FOGFLOW_K8S_CACHE, GOCACHE, GOMODCACHE and TMPDIR to folders on a larger disk",
        )
    if cause:
        return FogflowError(
            f"cannot keep programs in {_cache_folder().parent}: {tail}",
            hint="set FOGFLOW_K8S_CACHE to a folder that you can write",
        )
    if re.search(r"dial tcp|no such host|TLS handshake|proxyconnect|connection refused|i/o timeout", stderr):
        hint = "the Go module proxy could not be reached: check the network, GOPROXY and HTTPS_PROXY"
        return ToolMissing(f"the sandbox's programs could not be downloaded:\n{tail}", hint=hint)
    return FogflowError(
        f"the sandbox's programs could not be built:\n{tail}",
        hint="nothing was kept; try again: fogflow-k8s sandbox up",
    )


def _disk_full_message(lines: str) -> str:
    """Return the file that did not fit; go repeats it for each program, with everything that it was copying."""
    found = re.search(r"(?:write )?(\S+): no space left on device", lines, re.IGNORECASE)
    return f"{found[1]}: no space left on device" if found else lines


def _program_on_path(name: str) -> Path | None:
    """Return helm or kubectl on PATH, when its version is suitable."""
    checks = {"helm": _helm_is_good, "kubectl": _kubectl_is_good}
    path = shutil.which(name) if name in checks else None
    try:
        return Path(path) if path and checks[name](path) else None
    except FogflowError:  # it hangs, cannot be run, or prints something else
        return None


def _helm_is_good(path: str) -> bool:
    from fogflow_k8s.adapters.helm.client import check_version

    return bool(check_version(SystemRunner().run([path, "version", "--template", "{{.Version}}"], timeout_s=20).stdout))


def _kubectl_is_good(path: str) -> bool:
    return kubectl.is_within_skew(kubectl.client_version(SystemRunner(), path), version_of("k8s.io/kubernetes"))


def _cache_folder() -> Path:
    return cache_home() / "programs" / cache_key()


def _module_text(name: str) -> str:
    return (MODULES / name).read_text()
