"""Draws docs/pictures/*.svg from real runs: real output of the real tool, on a terminal, against a sandbox. Run by hand.

Needs nothing but the checkout; it makes its own sandbox, state and kubeconfig, and leaves nothing behind. Only three
things are not as they were on the screen: this machine's folders, user and host are replaced.
"""

from __future__ import annotations

import fcntl
import getpass
import io
import os
import pty
import re
import socket
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs/pictures"
WIDTH = 128  # fits the widest row of the pictures
SANDBOX = "pictures"
SETTINGS = ("--config", "examples/config.json", "--external-ip", "192.0.2.10")
UPGRADE = ("deploy", *SETTINGS, "--set", "master.image.tag=does-not-exist")
LEFT = ("deploy", *SETTINGS, "--set", "master.image.tag=does-not-exist", "--no-rollback-on-failure", "--quiet")
THEME = TerminalTheme(
    (22, 27, 34),
    (230, 237, 243),
    [
        (22, 27, 34),
        (255, 123, 114),
        (86, 211, 100),
        (227, 179, 65),
        (121, 192, 255),
        (210, 168, 255),
        (86, 212, 221),
        (201, 209, 217),
    ],
)
# Rich's own frame, without the fonts that a viewer would have to fetch.
FRAME = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
FRAME = FRAME.replace("font-family: Fira Code, monospace", "font-family: monospace")
_PARTS = re.compile(r"\x1b\[(\d*)([A-Za-ln-z])|\x1b\[\?\d+[hl]|(\r)|(\n)")


def on_a_terminal(argv: tuple[str, ...], env: dict[str, str]) -> str:
    """What the tool writes to a terminal of WIDTH columns, with its colours. The exit code is not looked at."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, WIDTH, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-m", "fogflow_k8s", *argv],
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=slave,
        env=env,
        cwd=ROOT,
    ):
        os.close(slave)
        said = b""
        try:
            while part := os.read(master, 65536):
                said += part
        except OSError:  # the other end is closed: Linux says EIO
            pass
    os.close(master)
    return said.decode()


def screen(said: str) -> str:
    """What is left standing once lines were erased and written anew; colours stay in it."""
    lines, row, at = [""], 0, 0
    for part in _PARTS.finditer(said):
        lines[row] += said[at : part.start()]
        at = part.end()
        count, control, _, newline = part.groups()
        if newline:
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif control == "A":
            row = max(0, row - int(count or 1))
        elif control == "K":
            lines[row] = ""
    lines[row] += said[at:]
    return "\n".join(lines).strip("\n")


def neutral(text: str, state: Path) -> str:
    """Without the names of this machine, its user and its folders."""
    text = text.replace(str(state), "~/.local/state/fogflow-k8s")
    return text.replace(f"{getpass.getuser()}@{socket.gethostname()}", "you@laptop").replace(f"-{SANDBOX}", "")


def draw(name: str, argv: tuple[str, ...], said: str) -> None:
    """Write docs/pictures/NAME.svg."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text(f"$ fogflow-k8s {' '.join(argv)}", "bold"))
    console.print(Text.from_ansi(said))
    svg = console.export_svg(title="fogflow-k8s", theme=THEME, code_format=FRAME, unique_id=f"fogflow-{name}")
    (PICTURES / f"{name}.svg").write_text(svg, encoding="utf-8")
    print(f"wrote docs/pictures/{name}.svg")


def main() -> None:
    """Sandbox up, a good deploy, the pictures, sandbox down."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        env = {**os.environ, "FOGFLOW_K8S_STATE": str(state), "KUBECONFIG": f"{folder}/kubeconfig"}
        env |= {"TERM": "xterm-256color", "COLUMNS": str(WIDTH)}
        env.pop("NO_COLOR", None)
        tool = [sys.executable, "-m", "fogflow_k8s"]
        try:
            subprocess.run([*tool, "sandbox", "up", "--name", SANDBOX], env=env, check=True)
            subprocess.run([*tool, "deploy", *SETTINGS], env=env, cwd=ROOT, check=True)
            draw("upgrade", UPGRADE, neutral(screen(on_a_terminal(UPGRADE, env)), state))
            on_a_terminal(LEFT, env)
            draw("status", ("status",), neutral(screen(on_a_terminal(("status",), env)), state))
        finally:
            subprocess.run([*tool, "sandbox", "down", "--name", SANDBOX], env=env, check=False)


if __name__ == "__main__":
    main()
