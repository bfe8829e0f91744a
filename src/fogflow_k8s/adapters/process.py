"""Child processes; the only module that imports subprocess.

Every child gets an argv list (never a shell), its own process group, a timeout, and a parent-death signal, so that it
ends with this program even after `kill -9`. SIGINT is forwarded once. Secrets travel on stdin or in a 0600 file, never
in argv, which other users can read.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, cast

from fogflow_k8s.adapters.lines import Lines
from fogflow_k8s.errors import FogflowError, ToolMissing

INTERRUPT_GRACE_S = 20.0  # an interrupted helm records the release as failed, which takes one or two API calls
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Completed:
    """The result of a child process."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    seconds: float


class ChildTimeout(FogflowError):
    """A child exceeded its timeout and was ended."""


class Runner(Protocol):
    """The interface of everything that runs programs."""

    def run(self, argv: Sequence[str], *, stdin: str | None = None, timeout_s: float = 60.0) -> Completed:
        """Run to the end; a non-zero exit is a result, not an error. Raises ToolMissing, ChildTimeout."""


class Child(Protocol):
    """A program that runs while this one continues."""

    def poll(self) -> Completed | None:
        """Return its result, or None while it runs."""

    def wait(self, timeout_s: float) -> Completed | None:
        """Return its result, or None when it still runs after `timeout_s` seconds."""

    def stop(self) -> Completed:
        """Interrupt it once, wait INTERRUPT_GRACE_S, then kill it; return its result."""

    def kill(self) -> None:
        """Kill it at once: for a child that only reads."""


def die_with_parent() -> Callable[[], None]:
    """Return a preexec function: the kernel sends the child SIGTERM when its parent dies for any reason (Linux only).

    It also restores SIGINT's default action: a script that starts this program with `&` ignores SIGINT in it.
    """
    if not sys.platform.startswith("linux"):  # pragma: no cover
        return lambda: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def arrange() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before prctl
            os._exit(143)

    return arrange


class RunningChild:
    """A started program. Its output goes to files, so that no pipe can fill up and block it."""

    def __init__(self, argv: Sequence[str], stdin: str | None, env: Mapping[str, str]) -> None:
        import tempfile

        self.argv = tuple(argv)
        self._out = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - closed in _finish
        self._err = tempfile.TemporaryFile("w+b")  # noqa: SIM115
        self._start = time.monotonic()
        self._done: Completed | None = None
        with tempfile.TemporaryFile("w+b") as given:
            if stdin is not None:
                given.write(stdin.encode())
                given.seek(0)
            try:
                self._process = subprocess.Popen(
                    list(argv),
                    stdin=given if stdin is not None else subprocess.DEVNULL,
                    stdout=self._out,
                    stderr=self._err,
                    env=dict(env),
                    start_new_session=True,
                    preexec_fn=die_with_parent(),  # noqa: PLW1509 - single-threaded at this point, and only async-safe calls
                )
            except (FileNotFoundError, PermissionError) as error:
                self._out.close()
                self._err.close()
                raise ToolMissing(
                    f"cannot run {argv[0]}: {error.strerror}", hint=f"install {Path(argv[0]).name} or put it on PATH"
                ) from error

    @property
    def pid(self) -> int:
        """The child's process id, which is also its process group's."""
        return self._process.pid

    def poll(self) -> Completed | None:
        """Return its result, or None while it runs."""
        if self._done is None and self._process.poll() is not None:
            self._done = self._finish()
        return self._done

    def wait(self, timeout_s: float) -> Completed | None:
        """Return its result, or None when it still runs after `timeout_s` seconds."""
        if self._done is None and self._process.returncode is None:
            self._sleep_until_end(timeout_s)
        return self.poll()

    def _sleep_until_end(self, timeout_s: float) -> None:
        if not hasattr(os, "pidfd_open"):  # pragma: no cover - not Linux
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)
            return
        descriptor = os.pidfd_open(self._process.pid)  # Popen.wait polls, which is up to 50 ms late
        try:
            select.select([descriptor], [], [], timeout_s)
        finally:
            os.close(descriptor)

    def stderr_so_far(self) -> str:
        """Return what it has written to stderr so far."""
        # pread, because the child shares the offset of this file: a seek would make it write elsewhere
        descriptor = self._err.fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")

    def stop(self) -> Completed:
        """Interrupt it once, give it time to clean up, then kill its process group."""
        for number, patience in ((signal.SIGINT, INTERRUPT_GRACE_S), (signal.SIGKILL, INTERRUPT_GRACE_S)):
            if self.poll() is None:
                self._signal(number)
            if done := self.wait(patience):
                return done
        raise ChildTimeout(f"{self.argv[0]} (process {self.pid}) did not end after SIGKILL")  # pragma: no cover

    def kill(self) -> None:
        """Kill it at once: for a child that only reads."""
        if self.poll() is None:
            self._signal(signal.SIGKILL)
            self.wait(INTERRUPT_GRACE_S)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _finish(self) -> Completed:
        texts = []
        for stream in (self._out, self._err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
            stream.close()
        return Completed(self.argv, self._process.returncode, texts[0], texts[1], time.monotonic() - self._start)


class SystemRunner:
    """Runs real programs. `echo` gets each command line before it starts, quoted for a shell."""

    def __init__(self, *, env: Mapping[str, str] | None = None, echo: Callable[[str], None] = lambda _: None) -> None:
        self._env = dict(os.environ if env is None else env)
        self._echo = echo

    def lines(self, argv: Sequence[str], *, separate_stderr: bool = False) -> contextlib.AbstractContextManager[Lines]:
        """Yield the lines that a program prints; see stream_lines."""
        return stream_lines(argv, env=self._env, separate_stderr=separate_stderr)

    def start(self, argv: Sequence[str], *, stdin: str | None = None) -> RunningChild:
        """Start a program without waiting for it. Raises ToolMissing."""
        self._echo(shlex.join(argv))
        return RunningChild(argv, stdin, self._env)

    def run(self, argv: Sequence[str], *, stdin: str | None = None, timeout_s: float = 60.0) -> Completed:
        """Run to the end; see Runner.run. Ctrl-C interrupts the child once, waits for it, and is raised again."""
        child = self.start(argv, stdin=stdin)
        try:
            done = child.wait(timeout_s)
        except KeyboardInterrupt:
            child.stop()
            raise
        if done is None:
            child.stop()
            raise ChildTimeout(
                f"{Path(argv[0]).name} {argv[1] if len(argv) > 1 else ''} did not finish within {timeout_s:g} s",
                hint="check the API server (kubectl cluster-info), or use a longer --timeout",
                exit_code=11,
            )
        return done


@contextlib.contextmanager
def stream_lines(
    argv: Sequence[str], *, env: Mapping[str, str] | None = None, separate_stderr: bool = False
) -> Iterator[Lines]:
    """Yield the lines that a program prints; the program ends with the block. Raises ToolMissing.

    The lines are those of stdout and stderr; with `separate_stderr` those of stdout only, and the program writes to this
    program's stderr. It is in this program's process group, so that Ctrl-C reaches it as well.
    """
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if separate_stderr else subprocess.STDOUT,
            env=None if env is None else dict(env),
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - single-threaded, and only async-safe calls
        )
    except (FileNotFoundError, PermissionError) as error:
        raise ToolMissing(f"cannot run {argv[0]}: {error.strerror}", hint=f"install {Path(argv[0]).name}") from error
    with cast("IO[bytes]", process.stdout) as out:
        try:
            yield Lines(out.fileno(), process.wait)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(INTERRUPT_GRACE_S)


def spawn_daemon(argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path) -> int:
    """Start a program that outlives this one; return its process id. `log` gets its output, its stdin is empty.

    Unlike all other children it runs in its own session and does not end with its parent: the caller must record and end it.
    Raises ToolMissing.
    """
    with log.open("ab") as out:
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=dict(os.environ if env is None else env),
                cwd=cwd,
                start_new_session=True,
            )
        except (FileNotFoundError, PermissionError) as error:
            raise ToolMissing(
                f"cannot run {argv[0]}: {error.strerror}", hint="build it again: fogflow-k8s sandbox up"
            ) from error
    _wait_for_arguments(process)
    process.returncode = 0  # not waited for on purpose: this keeps Popen from warning that it still runs
    return process.pid


def _wait_for_arguments(process: subprocess.Popen[bytes]) -> None:
    """Wait until /proc shows the arguments of a new program: the kernel sets them shortly after exec reports success."""
    arguments, end = Path(f"/proc/{process.pid}/cmdline"), time.monotonic() + 1.0
    while process.poll() is None and not arguments.read_bytes() and time.monotonic() < end:
        time.sleep(0.001)
