"""Building and caching the programs, with a fake `go` that writes files instead of compiling."""

import os
import platform
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from fogflow_k8s.engine.reporter import Silent
from fogflow_k8s.errors import FogflowError, ToolMissing
from fogflow_k8s.sandbox import programs

BUDGET_S = 15

GO = """
    #!/bin/sh
    [ "$1" = version ] && { echo go version go1.26.8 linux/amd64; exit; }
    while [ $# -gt 0 ]; do
      case "$1" in
        -o) out=$2; shift ;;
        go.etcd.io/*) names="$names server" ;;
        */cmd/*) names="$names $(basename "$1")" ;;
      esac
      shift
    done
    echo build >> "$CALLS"
    for name in $names; do
      echo "example/$name" >&2
      echo "$name" > "$out$name"
      %s
    done
"""


class Lines(Silent):
    def __init__(self):
        self.said = []

    def log(self, text):
        self.said.append(text)

    step = warn = log


@pytest.fixture
def go(tmp_path, monkeypatch):
    """Installs a fake go whose loop ends with the given shell line; no helm or kubectl is on PATH."""

    def install(line=":"):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "go").write_text(textwrap.dedent(GO % line).lstrip())
        (folder / "go").chmod(0o755)
        for name in ("sh", "basename", "sleep"):
            if not (folder / name).exists():
                (folder / name).symlink_to(f"/bin/{name}")
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
        monkeypatch.setenv("FOGFLOW_K8S_CACHE", str(tmp_path / "cache"))

    return install


def calls(tmp_path):
    file = tmp_path / "calls"
    return len(file.read_text().splitlines()) if file.exists() else 0


def leftovers(tmp_path):
    return list((tmp_path / "cache" / "programs").glob(".building-*"))


def test_missing_programs_are_built_once_and_etcd_gets_its_name(go, tmp_path):
    go()
    report = Lines()
    first = programs.ensure(["etcd", "kwok"], report)
    assert first["etcd"].read_text() == "server\n"
    assert first["etcd"].name == "etcd"
    assert programs.ensure(["etcd", "kwok"], report) == first
    assert calls(tmp_path) == 1
    programs.ensure(["etcd", "kwok", "helm"], report)
    assert calls(tmp_path) == 2, "only the new one is built"
    assert programs.cached_program("helm")
    assert not programs.cached_program("kubectl")
    assert not leftovers(tmp_path)
    assert any("(2 of 2)" in line for line in report.said)


def test_an_incomplete_build_is_never_used(go, tmp_path):
    go('[ "$name" = kwok ] && { echo "kwok: undefined: everything" >&2; exit 1; }')
    with pytest.raises(FogflowError, match="undefined: everything"):
        programs.ensure(["etcd", "kwok"], Silent())
    assert not programs.cached_program("etcd")
    assert not programs.cached_program("kwok")
    assert not leftovers(tmp_path)
    go()
    assert set(programs.ensure(["etcd", "kwok"], Silent())) == {"etcd", "kwok"}


def test_a_full_disk_is_named_with_the_folder(go, tmp_path):
    go('echo "write $out: no space left on device" >&2; exit 1')
    with pytest.raises(FogflowError, match="no disk space left") as met:
        programs.ensure(["kwok"], Silent())
    assert str(tmp_path / "cache") in met.value.message
    assert "FOGFLOW_K8S_CACHE" in met.value.hint


def test_an_unreachable_proxy_is_named(go):
    go('echo "go: x@v1: Get https: dial tcp: lookup proxy: no such host" >&2; exit 1')
    with pytest.raises(ToolMissing, match="could not be downloaded") as met:
        programs.ensure(["kwok"], Silent())
    assert "GOPROXY" in met.value.hint


def test_a_cache_that_cannot_be_written_is_named(go, tmp_path, monkeypatch):
    go()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FOGFLOW_K8S_CACHE", str(tmp_path / "file"))
    with pytest.raises(FogflowError, match="cannot keep programs in"):
        programs.ensure(["kwok"], Silent())


ENSURE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, when the tests were started with `&` by a script
from fogflow_k8s.console.plain import PlainReporter
from fogflow_k8s.sandbox import programs
print(programs.ensure(["etcd", "kwok"], PlainReporter(sys.stderr))["kwok"])
"""


def start():
    return subprocess.Popen(
        [sys.executable, "-c", ENSURE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )


def wait_until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_two_builds_at_once_wait_for_each_other(go, tmp_path):
    go("sleep 1")
    first = start()
    wait_until(lambda: calls(tmp_path) == 1)
    second = start()
    answers = [process.communicate(timeout=120) for process in (first, second)]
    assert answers[0][0] == answers[1][0] != ""
    assert "another process is building" in answers[1][1]
    assert calls(tmp_path) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_build_leaves_nothing_that_is_used(go, tmp_path, number):
    go('[ "$name" = kwok ] && sleep 600')
    process = start()
    wait_until(lambda: list((tmp_path / "cache" / "programs").glob(".building-*/server")))
    process.send_signal(number)
    process.communicate(timeout=60)
    assert not programs.cached_program("etcd")
    go()
    programs.ensure(["etcd", "kwok"], Silent())
    assert not leftovers(tmp_path), "what a killed build left is removed by the next one"


def test_another_architecture_has_another_cache_key(monkeypatch):
    before = programs.cache_key()
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert programs.cache_key() != before


def test_the_flags_carry_the_versions_of_go_mod():
    stamp = programs.build_flags()[-1]
    for module in ("k8s.io/kubernetes", "helm.sh/helm/v4", "sigs.k8s.io/kwok"):
        assert f"={programs.version_of(module)}" in stamp
    assert set(programs.PACKAGES.values()) <= set((programs.MODULES / "go.mod").read_text().split())


@pytest.mark.parametrize(
    ("answer", "good"), [("v4.0.1", True), ("v3.19.0", True), ("v3.12.0", False), ("v4.2.1", False)]
)
def test_a_helm_on_path_is_used_when_new_enough(go, tmp_path, answer, good):
    go()
    helm = tmp_path / "bin" / "helm"
    helm.write_text(f"#!/bin/sh\necho {answer}\n")
    helm.chmod(0o755)
    assert (programs.find_program("helm") == helm) is good
