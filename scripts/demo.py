"""What `make demo` can show on this machine: which nodes, and which programs in the containers.

    python scripts/demo.py choose              prints NODES PROGRAMS VERSION for scripts/demo.sh, and the reasons on stderr
    python scripts/demo.py build NODES         builds the programs of a sandbox with such nodes, unless they are built already
    python scripts/demo.py lock                prints the file to lock while a sandbox with real nodes starts
    python scripts/demo.py load NAME PROGRAMS  gives a running sandbox with real nodes the images
    python scripts/demo.py screen              runs the demo, and writes its output into docs/screens/demo.txt

NODES is real or simulated; PROGRAMS is fogflow (the images of FogFlow on Docker Hub), fakes (the small programs of tests/fakes,
which take FogFlow's place in the tests) or none, because simulated nodes run no containers; VERSION is FogFlow's version.

Variables: DEMO_NODES (real, simulated) and DEMO_PROGRAMS (fogflow, fakes) ask for one of them. Without them, the best that this
machine can show is chosen: real nodes before simulated ones, FogFlow's own programs before fakes.
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from fogflow_k8s.adapters.registry.client import Registry
from fogflow_k8s.adapters.registry.errors import RegistryError
from fogflow_k8s.adapters.registry.http import Client
from fogflow_k8s.adapters.state_dir import cache_home, state_home
from fogflow_k8s.console.plain import PlainReporter
from fogflow_k8s.errors import FogflowError, ToolMissing, UsageError
from fogflow_k8s.model.image.reference import HUB, parse
from fogflow_k8s.sandbox import node, programs
from fogflow_k8s.sandbox.state import SandboxState, load_state

ROOT = Path(__file__).resolve().parent.parent
SCREEN = ROOT / "docs/screens/demo.txt"
FUNCTION = "docker.io/fogflow/dummy"
"""An image of FogFlow's own that runs as a function, and publishes nothing."""
HUB_LIMIT_S = 5.0
"""How long Docker Hub has for its answer, the resolution of its name included."""
_REQUEST_S = 4.0
_PROBE_S = 20.0
_NEEDS_NONE = "simulated nodes need none of it: DEMO_NODES=simulated make demo"


@dataclass(frozen=True)
class Choice:
    """What the demo shows. `reasons`: why it is not more, one sentence each."""

    nodes: str
    programs: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Machine:
    """What limits the choice. Each function returns why something is not possible here, or "" when it is possible."""

    nodes: Callable[[], str]
    hub: Callable[[], str]
    fakes: Callable[[], str]


def choose(env: Mapping[str, str], machine: Machine) -> Choice:
    """Return the nodes and programs for these variables. Asks the machine only what the choice depends on.

    Raises UsageError for a value that a variable cannot have, ToolMissing when what a variable asks for is not possible.
    """
    nodes = _asked(env, "DEMO_NODES", "real", "simulated")
    kind = _asked(env, "DEMO_PROGRAMS", "fogflow", "fakes")
    if nodes == "simulated":
        return Choice("simulated", "none", ("DEMO_NODES=simulated asks for them.",))
    problem = machine.nodes()
    if problem:
        return _simulated(nodes, problem)
    hub = "" if kind == "fakes" else machine.hub()
    if kind != "fakes" and not hub:
        return Choice("real", "fogflow")
    if kind == "fogflow":
        raise ToolMissing(f"FogFlow's images are not available: {hub}", hint="the fakes need no registry: DEMO_PROGRAMS=fakes make demo")  # fmt: skip
    why = f"FogFlow's images are not available: {hub}" if hub else "DEMO_PROGRAMS=fakes asks for them."
    problem = machine.fakes()
    if problem:
        return _simulated(nodes, f"{why} The fakes cannot be made here: {problem}" if hub else problem)
    return Choice("real", "fakes", (why,))


def _asked(env: Mapping[str, str], variable: str, *values: str) -> str:
    value = env.get(variable, "")
    if value and value not in values:
        raise UsageError(f"{variable}={value} is not possible", hint=f"{variable} is {' or '.join(values)}, or not set")
    return value


def _simulated(asked: str, problem: str) -> Choice:
    """Return simulated nodes. Raises ToolMissing when real ones were asked for."""
    if asked == "real":
        raise ToolMissing(f"no real nodes: {problem}", hint=_NEEDS_NONE)
    return Choice("simulated", "none", (f"Real nodes are not possible: {problem}",))


def nodes_problem() -> str:
    """Return why `sandbox up --real` cannot work here, or "": its own test, and whether root may create namespaces."""
    try:
        node.check_machine()
    except ToolMissing as error:
        return f"{error.message}. Remedy: {error.hint.partition(';')[0]}."
    probe = ["unshare", "--mount", "--net", "--pid", "--fork", "true"]  # root in a container may not do this
    done = subprocess.run(probe, capture_output=True, text=True, timeout=_PROBE_S, check=False)
    return f"this machine does not let root create namespaces: {done.stderr.strip()}." if done.returncode else ""


def hub_problem(version: str, host: str = HUB, limit_s: float = HUB_LIMIT_S) -> str:
    """Return why FogFlow's images of this version cannot be pulled from the registry `host`, or ""; takes `limit_s` at most.

    Asks for a manifest's header, which Docker Hub does not count as a pull.
    """
    answers: list[str] = []

    def ask() -> None:
        try:
            registry = Registry(Client(host, timeout_s=min(_REQUEST_S, limit_s)))
            registry.head_manifest(parse(f"{host}/fogflow/master:{version}"))
            answers.append("")
        except (RegistryError, OSError) as error:
            answers.append(f"{str(error).rstrip('.')}.")

    asking = threading.Thread(target=ask, daemon=True)  # the resolver of names has no limit of its own
    asking.start()
    asking.join(limit_s)
    return answers[0] if answers else f"{host} did not answer within {limit_s:.0f} s."


def fakes_problem() -> str:
    """Return why the images of the fakes cannot be made on this machine, or ""."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.real.images", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or (f"{done.stderr.strip()[-300:]}." if done.returncode else "")


def fogflow_version() -> str:
    """Return the version of FogFlow that the chart installs."""
    return str(yaml.safe_load((ROOT / "charts/fogflow-chart/Chart.yaml").read_text(encoding="utf-8"))["appVersion"])


def build(nodes: str) -> None:
    """Build the sandbox's programs that are missing, with progress on stderr. Raises FogflowError."""
    programs.ensure([*programs.PACKAGES, *(programs.NODE_PACKAGES if nodes == "real" else ())], PlainReporter())


def lock_file() -> Path:
    """Return the file that demos and tests lock while they start real nodes.

    Each has a state folder of its own, so two that start at the same time would take the same free network.
    """
    folder = cache_home()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder / "test-sandbox.lock"


def load(name: str, kind: str) -> None:
    """Give the sandbox the images of FogFlow (`kind` fogflow) or of the fakes. Raises FogflowError."""
    if kind == "fogflow":
        registry, platform = _real(name).control_plane.endpoint("registry"), f"linux/{programs.architecture()}"
        _tool("images", "mirror", "--to", registry, "--insecure-registry", registry, "--platform", platform)
        crane, archive = programs.ensure(["crane"], PlainReporter())["crane"], state_home() / "function.tar"
        _run([str(crane), "pull", "--platform", platform, FUNCTION, str(archive)], f"copying {FUNCTION}")
        _tool("sandbox", "load", "--name", name, str(archive))
        return
    argv = [sys.executable, "-m", "tests.real.images", "--demo"]
    archives = _run(argv, "making the images of the fakes", stdout=subprocess.PIPE).split()
    _tool("sandbox", "load", "--name", name, *archives)


def _tool(*words: str) -> None:
    shown = " ".join(Path(word).name if word.startswith("/") else word for word in words)
    colours = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    bold, plain = ("\033[1m", "\033[0m") if colours else ("", "")
    print(f"\n{bold}$ fogflow-k8s {shown}{plain}", file=sys.stderr, flush=True)
    _run([sys.executable, "-m", "fogflow_k8s", *words], f"fogflow-k8s {words[0]} {words[1]}")


def _run(argv: list[str], what: str, stdout: int | None = None) -> str:
    """Run a program, and return its stdout when that is a pipe. Raises FogflowError."""
    done = subprocess.run(argv, cwd=ROOT, stdout=stdout, text=True, check=False)
    if done.returncode:
        raise FogflowError(f"{what} failed with exit code {done.returncode}", hint="read its messages above")
    return done.stdout or ""


def _real(name: str) -> SandboxState:
    """Return the record of a sandbox with real nodes. Raises UsageError."""
    state = load_state(name)
    if state is None or not state.real:
        raise UsageError(f"there is no sandbox {name} with real nodes", hint="fogflow-k8s sandbox up --real")
    return state


def neutral(text: str) -> str:
    """Return the demo's output without the names of the machine that it ran on, its user and its folders."""
    text = re.sub(r"/\S*/fogflow-demo\.\w+/", "~/demo/", text)
    text = text.replace(f"{ROOT}/", "").replace(f"{Path.home()}/", "~/")
    text = text.replace(f"{getpass.getuser()}@{socket.gethostname()}", "you@laptop")
    text = re.sub(r"\bdemo-\d+\b", "demo", text)
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def write_screen() -> int:
    """Run the demo, write its output into docs/screens/demo.txt when it succeeds, and return its exit code."""
    env = {**os.environ, "NO_COLOR": "1", "COLUMNS": "128"}
    argv = [shutil.which("bash") or "bash", str(ROOT / "scripts/demo.sh")]
    done = subprocess.run(
        argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )  # fmt: skip
    sys.stdout.write(done.stdout)
    if done.returncode == 0:
        SCREEN.write_text(f"$ make demo\n{neutral(done.stdout)}", encoding="utf-8")
    return done.returncode


def main(words: list[str]) -> int:
    """Do what the module's description says; return the exit code."""
    try:
        return _main(words)
    except FogflowError as error:
        print(f"demo: {error.message}\n  {error.hint}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def _main(words: list[str]) -> int:
    match words:
        case ["choose"]:
            version = fogflow_version()
            found = choose(os.environ, Machine(nodes_problem, lambda: hub_problem(version), fakes_problem))
            for reason in found.reasons:
                print(f"demo: {reason}", file=sys.stderr)
            print(found.nodes, found.programs, version)
        case ["build", nodes]:
            build(nodes)
        case ["lock"]:
            print(lock_file())
        case ["load", name, kind]:
            load(name, kind)
        case ["screen"]:
            return write_screen()
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
