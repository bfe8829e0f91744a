"""The record of a sandbox, and which processes belong to it."""

import dataclasses
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fogflow_k8s.adapters.process import spawn_daemon
from fogflow_k8s.engine.reporter import Silent
from fogflow_k8s.errors import UsageError
from fogflow_k8s.sandbox import state as states
from fogflow_k8s.sandbox.state import Daemon, KubeconfigEntry, SandboxState

SLEEP = "import time; time.sleep(600)"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FOGFLOW_K8S_STATE", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture
def daemon(tmp_path):
    """A process with a file of the sandbox's folder in its arguments, like every daemon of a sandbox."""
    argv = [sys.executable, "-c", SLEEP, f"--data-dir={tmp_path}/box/etcd"]
    pid = spawn_daemon(argv, log=tmp_path / "log", cwd=tmp_path)
    yield Daemon(argv, pid, states.start_ticks(pid))
    states.kill([pid])


def test_a_process_of_the_sandbox_is_recognised(daemon, tmp_path):
    assert states.is_ours(daemon, states.boot_id(), tmp_path / "box")
    states.kill([daemon.pid])
    assert not states.is_ours(daemon, states.boot_id(), tmp_path / "box")


@pytest.mark.parametrize("change", ["started", "boot", "folder", "pid"])
def test_a_reused_process_id_is_not_recognised(daemon, tmp_path, change):
    boot, folder = states.boot_id(), tmp_path / "box"
    if change == "started":
        daemon = dataclasses.replace(daemon, started=daemon.started + 1)
    elif change == "boot":
        boot = "another"
    elif change == "folder":
        folder = tmp_path / "bo"  # a prefix of the real one's name
    else:
        daemon = dataclasses.replace(daemon, pid=os.getpid())
    assert not states.is_ours(daemon, boot, folder)


def test_where_there_is_no_sandbox_of_a_name_the_others_are_named():
    assert states.absence_hint("default") == "fogflow-k8s sandbox up"
    assert states.absence_hint("b", real=True) == "fogflow-k8s sandbox up --real --name b"
    for name in ("rf", "default"):
        (states.folder_of(name)).mkdir(parents=True)
        (states.folder_of(name) / "state.json").write_text("{}")
    assert states.absence_hint("x") == (
        "choose one that exists (default, rf), or start it: fogflow-k8s sandbox up --name x"
    )
    assert states.other_names("default") == ["rf"]


def test_a_zombie_counts_as_ended():
    process = subprocess.Popen([sys.executable, "-c", ""])
    end = time.monotonic() + 60
    while states.start_ticks(process.pid) is not None:
        assert time.monotonic() < end
        time.sleep(0.01)
    process.wait()


def test_unrecorded_processes_are_found_by_folder_and_program(daemon, tmp_path):
    program = Path(sys.executable).name
    assert states.orphan_processes(tmp_path / "box", [program]) == [daemon.pid]
    assert states.orphan_processes(tmp_path / "box", ["etcd"]) == []
    assert states.orphan_processes(tmp_path / "other", [program]) == []


def test_a_saved_state_is_loaded_unchanged():
    state = SandboxState("default", ["a"], 110, {"a": ["k:NoSchedule"]}, boot="b", ports={"apiserver": 1})
    state.daemons = {"etcd": Daemon(["x"], 1, 2)}
    state.entry = KubeconfigEntry("p", "c", "s", "before")
    state.folder.mkdir(parents=True)
    state.save()
    assert states.load_state("default") == state
    assert (state.folder / "state.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": "default"}', '{"daemons": 1}', "null"])
def test_an_unreadable_state_counts_as_absent(content):
    folder = states.folder_of("default")
    folder.mkdir(parents=True)
    (folder / "state.json").write_text(content)
    assert states.load_state("default") is None


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "-a", "a" * 41, "a\n"])
def test_an_invalid_name_is_refused(name):
    with pytest.raises(UsageError):
        states.folder_of(name)


def test_the_lock_is_free_again_afterwards():
    for _ in range(2):
        with states.sandbox_lock("default", Silent()):
            pass
