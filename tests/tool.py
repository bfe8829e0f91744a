"""The tool, run to its end in a process of its own that need not import it again.

A start of the tool costs more CPU than most of what tests ask of it, and the gate starts it thousands of times. One process imports
all of it, and each run is a child of that one: with its own environment, folder, session, files and exit code, as if it had been
started by a shell. Whose command line in /proc is looked at is a program, too (`program`); so is what gets signals or is read while it runs (`Site.start`).
"""

import importlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import processes

AT_START = ("PYTHON", "LANG", "LC_")
"""Variables that an interpreter reads when it starts."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.imported", __name__])


def run(words, *, env, cwd, timeout=300, program=False):
    """Run `fogflow-k8s` with these words, as a started program when it must be one: a CompletedProcess with its output as text.

    Raises TimeoutExpired after `timeout` seconds, when the process and its children have been killed.
    """
    argv = [sys.executable, "-m", "fogflow_k8s", *map(str, words)]
    if program or any(key.startswith(AT_START) and value != os.environ.get(key) for key, value in env.items()):
        return subprocess.run(
            argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
            check=False, start_new_session=True,
        )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="fogflow-k8s-run-") as folder:
        files = [Path(folder, name) for name in ("stdout", "stderr")]
        process = _context.Process(target=_child, args=(argv[3:], dict(env), str(cwd), *map(str, files)))
        process.start()
        process.join(timeout)
        if process.is_alive():
            processes.kill_tree(process.pid)
            process.join()
            raise subprocess.TimeoutExpired(argv, timeout)
        out, err = (file.read_text(encoding="utf-8") for file in files)
        return subprocess.CompletedProcess(argv, process.exitcode, out, err)


def _child(words, env, cwd, out, err):
    os.setsid()
    for number, path in enumerate((os.devnull, out, err)):
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(file, number)
        os.close(file)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - they are open as long as the process is
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = ["fogflow-k8s", *words]
    importlib.import_module("fogflow_k8s.cli").main()
