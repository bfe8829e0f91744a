"""Nothing of a run of the tests stays behind, whatever ended it."""

import contextlib
import signal
import subprocess
import sys

import pytest

from tests import runs
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("runs")  # a run that begins ends what was left by any other

RUN = """
import subprocess, time
from tests import runs
with runs.run() as folder:
    # as a daemon: no signal of ours reaches it
    child = subprocess.Popen(["sleep", "600"], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (folder / "left").mkdir()
    print(child.pid, flush=True)
    time.sleep(600)
"""
NEXT = "from tests import runs\nwith runs.run(): pass"


def obey_sigint():
    """What a script starts with `&`, as some start the tests, ignores it, and so does all that is started by that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def start():
    """Starts Python with a text; what still runs at the end of the test is ended."""
    with contextlib.ExitStack() as ending:

        def begin(code):
            process = subprocess.Popen(
                [sys.executable, "-c", code], cwd=runs.WORK.parent, preexec_fn=obey_sigint,  # noqa: PLW1509 - there is no thread
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            ending.callback(process.communicate)
            ending.callback(process.kill)
            return process

        yield begin


def lives(pid):
    """Whether that process still runs; one that has ended and waits for its parent does not."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(done.stdout.strip()) and not done.stdout.startswith("Z")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_what_a_run_has_started_ends_with_it_or_with_the_next_one(start, number):
    run = start(RUN)
    pid, folder = int(run.stdout.readline()), runs.RUNS / str(run.pid)
    until(lambda: runs.processes(folder) == [pid], "it bears its environment")
    run.send_signal(number)
    run.communicate(timeout=60)
    if number == signal.SIGKILL:
        assert lives(pid)
        assert folder.exists()
        _, said = start(NEXT).communicate(timeout=60)
        assert said == ""
    until(lambda: not lives(pid), "its process has ended")
    assert not folder.exists()


def test_a_run_that_lives_is_left_alone(start):
    run = start(RUN)
    pid = int(run.stdout.readline())
    start(NEXT).communicate(timeout=60)
    assert lives(pid)
    run.terminate()
    run.wait(60)


def test_sandboxes_are_found_without_looking_into_their_disks(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}/state/sandboxes/{name}/nodes/disks/sandboxes/inner").mkdir(parents=True)
    assert sorted(path.name for path in runs.sandboxes(tmp_path)) == ["one", "two"]
