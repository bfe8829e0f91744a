"""`make demo`, run as a user runs it: a process group of its own, in a folder whose content shows what it leaves."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

from fogflow_k8s.sandbox.state import command_line
from tests.waiting import until

ROOT = Path(__file__).parents[1]
LIMIT_S = 1200
"""A hang guard, also for a machine on which other tests run."""
_HEADING = re.compile(r"== Step (\d+) of (\d+) .*\n   (.+)")


class Demo:
    """A running demo. Its user has settings of the tool that would lead it elsewhere."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder / "tmp"
        self.folder.mkdir()
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text("the user's own\n")
        users = {"FOGFLOW_K8S_CONTEXT": "elsewhere", "FOGFLOW_K8S_NAMESPACE": "elsewhere", "DEMO_PROGRAMS": ""}
        users |= {"KUBECONFIG": str(self.kubeconfig), "TMPDIR": str(self.folder), "NO_COLOR": "1"}
        self.said = folder / "output"
        with self.said.open("w") as output:
            self.process = subprocess.Popen(
                ["bash", str(ROOT / "scripts/demo.sh")], env={**os.environ, **users, **env}, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def until(self, text: str) -> None:
        """Wait until its output has this text."""
        until(lambda: text in self.output or self.process.poll() is not None, f"the demo says {text!r}", LIMIT_S)
        assert text in self.output, self.output

    def interrupt(self) -> None:
        """Press Ctrl-C: the signal goes to the whole group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> int:
        """Wait until it ends; the exit code. One that hangs is ended, so that it leaves nothing."""
        try:
            return self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait(60)
            raise

    @property
    def output(self) -> str:
        return self.said.read_text(encoding="utf-8")

    @property
    def headings(self) -> list[tuple[int, int, str]]:
        """Number, total and what is shown, of each step."""
        return [(int(number), int(total), shown) for number, total, shown in _HEADING.findall(self.output)]

    def left(self) -> list[str]:
        """What is left of it: files, processes, and changes of the user's kubeconfig."""
        found = [str(path) for path in self.folder.iterdir()]
        for entry in Path("/proc").iterdir():
            argv = command_line(int(entry.name)) if entry.name.isdecimal() else []
            if any(str(self.folder) in word for word in argv):
                found.append(" ".join(argv))
        return found + ([] if self.kubeconfig.read_text() == "the user's own\n" else [str(self.kubeconfig)])
