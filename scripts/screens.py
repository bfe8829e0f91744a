"""Write docs/screens/*.svg, and the page that shows them, from real output of the tool on a terminal, against a sandbox. Run by hand.

It needs only the checkout: it creates its own sandbox, state and kubeconfig, and removes them. In the pictures, the folders, the
user and the host of this machine are replaced; everything else is as on the screen.

    python scripts/screens.py                       all pictures, on simulated nodes
    python scripts/screens.py --working ADDRESS     the picture of a success: FogFlow is installed on the current context's cluster
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
SCREENS = ROOT / "docs/screens"
WIDTH = 128  # fits the widest row of the screens
SANDBOX = "screens"
EXAMPLE = "192.0.2.10"
SETTINGS = ("--config", "examples/config.json", "--external-ip", EXAMPLE)
BAD = (*SETTINGS, "--set", "master.image.tag=does-not-exist")
SHOWN: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("check", "Before the installation: what is missing, and the remedy", ("check", "--pre", "--external-ip", "192.0.2.10")),
    ("deploy", "The first install", ("deploy", *SETTINGS)),
    ("again", "The same settings again: nothing to do", ("deploy", *SETTINGS)),
    ("diff", "What another setting would change", ("diff", *SETTINGS, "--set", "replicaCount=3")),
    ("upgrade", "A failed upgrade, with its cause, rolled back", ("deploy", *BAD, "--yes")),
    ("left", "The same without the rollback", ("deploy", *BAD, "--yes", "--no-rollback-on-failure")),
    ("status", "Status: one row per component, the root cause first", ("status",)),
    ("short", "Status in one line", ("status", "-o", "short")),
    ("explain", "What an id means", ("explain", "FK-4001")),
    ("rollback", "Rollback to the last revision that worked", ("rollback", "--yes")),
    ("history", "All revisions", ("history",)),
    ("bundle", "A support archive without secrets", ("bundle", "-f", "/tmp/fogflow.tar.gz")),  # noqa: S108 - shown so, written elsewhere
    ("images", "Every image of the chart", ("images", "list")),
    ("doctor", "Findings of the doctor, and what it would do about them", ("doctor",)),
    ("settings", "Invalid settings: every problem at once", ("config", "validate", "--set", "replicaCount=0", "--set", "brokr.shards=2")),
    ("origin", "Where a value comes from", ("config", "explain", "expose.type", "--external-ip", "192.0.2.10")),
    ("uninstall", "What an uninstall removes and keeps", ("uninstall", "--dry-run")),
)  # fmt: skip
"""Name, what it shows, and the command; in the order in which they are run on one release."""
WORKING = ("working", "A first install on real nodes, with FogFlow's own programs")
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
    """Write docs/screens/NAME.svg."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text(f"$ fogflow-k8s {' '.join(argv)}", "bold"))
    console.print(Text.from_ansi(said))
    svg = console.export_svg(title="fogflow-k8s", theme=THEME, code_format=FRAME, unique_id=f"fogflow-{name}")
    (SCREENS / f"{name}.svg").write_text(svg, encoding="utf-8")
    print(f"wrote docs/screens/{name}.svg")


def page() -> str:
    """docs/screens/README.md."""
    head = "# Screens\n\nReal output of the real tool on a terminal, against a sandbox. Made by `python scripts/screens.py`; do not edit.\n"
    shown = [WORKING, *(one[:2] for one in SHOWN)]
    there = [
        (name, says) for name, says in shown if (SCREENS / f"{name}.svg").exists()
    ]  # the first is drawn separately
    return head + "".join(f"\n## {says}\n\n![{says}]({name}.svg)\n" for name, says in there)


def working(address: str) -> None:
    """Install FogFlow on the cluster of the current context, and draw it. `address` belongs to a node."""
    argv = ("deploy", "--external-ip", address)
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(WIDTH)}
    said = neutral(screen(on_a_terminal(argv, env)), Path("/nowhere"))
    name = WORKING[0]
    draw(name, tuple(word.replace(address, EXAMPLE) for word in argv), said.replace(address, EXAMPLE))


def main() -> None:
    """Sandbox up, every screen, sandbox down."""
    SCREENS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        env = {**os.environ, "FOGFLOW_K8S_STATE": str(state), "KUBECONFIG": f"{folder}/kubeconfig"}
        env |= {"TERM": "xterm-256color", "COLUMNS": str(WIDTH)}
        env.pop("NO_COLOR", None)
        tool = [sys.executable, "-m", "fogflow_k8s"]
        try:
            subprocess.run([*tool, "sandbox", "up", "--name", SANDBOX], env=env, check=True)
            for name, _, words in SHOWN:
                given = tuple(word.replace("/tmp/", f"{folder}/") for word in words)  # noqa: S108
                said = neutral(screen(on_a_terminal(given, env)), state).replace(f"{folder}/", "/tmp/")  # noqa: S108
                draw(name, words, said)
        finally:
            subprocess.run([*tool, "sandbox", "down", "--name", SANDBOX], env=env, check=False)
    (SCREENS / "README.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--working"]:
        working(sys.argv[2])
    else:
        main()
