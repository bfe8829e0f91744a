"""How long each file of tests takes: told at the end of a run, kept for docs/testing.md, and held to a budget.

    python -m tests.durations begin          before a set of runs
    python -m tests.durations told SIZE      what took how long, and what SIZE (quick, test, all) does not run
    python -m tests.durations page           writes docs/testing.md; rows that are there keep their times
    python -m tests.durations times          the same with the times of the newest runs, after a whole gate
    python -m tests.durations judge          exits 1 when a file is over its budget by half

The time of a file is the sum over its tests, set-up and tear-down among it; processes side by side share the machine. A module
with another budget than its tier's names it: `BUDGET_S = 90`.
"""

from __future__ import annotations

import ast
import json
import os
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests import scope

ROOT = Path(__file__).parents[1]
FILE = ROOT / ".work" / "durations.json"
PAGE = ROOT / "docs" / "testing.md"
OVER = 1.5
"""A file that takes so many times its budget fails `make all`."""


@dataclass(frozen=True)
class Tier:
    """A folder of tests."""

    proves: str
    budget_s: int
    """Of a file, unless it names its own."""
    sizes: tuple[str, ...] = ("quick", "test", "all")


TIERS = {
    "unit": Tier("rules and adapters, alone; fakes stand behind the seams", 5),
    "cli": Tier("command lines and screens", 5),
    "contract": Tier("the adapters' requests, against a scripted API server and a scripted helm", 5),
    "chart": Tier("the chart through the real helm; real nginx; an independent engine for policies", 10),
    "cluster": Tier("the whole tool on a real API server with simulated nodes", 60, ("test", "all")),
    "wheel": Tier("what people install, in an empty environment", 60, ("test", "all")),
    "real": Tier("real nodes: containers, RabbitMQ, nginx, and fakes of FogFlow's own programs", 120, ("test", "all")),
    "engine": Tier("images on a real Docker engine and real registries", 60, ("test", "all")),
}
ONLY_ALL = (
    "figures held to their bars, Helm asked about every fault, kills at random instants, long searches, benchmarks"
)


_BUDGET_S = 60  # of a file in no tier
_PARTS = ("keyword", "markexpr", "deselect", "lf", "stepwise", "maxfail")
"""Options of pytest with which a file may not run whole."""


class Recorder:
    """Adds up the reports of one run of pytest; in the process that controls it."""

    def __init__(self, config: pytest.Config) -> None:
        self.config, self.start = config, time.time()
        self.seconds: Counter[str] = Counter()
        self.tests: Counter[str] = Counter()
        self.left: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file = report.nodeid.partition("::")[0]
        self.seconds[file] += report.duration
        if report.when == "setup":
            left = scope.REASON in str(report.longrepr)
            counter = self.tests if not report.skipped else self.left if left else self.skipped
            counter[file] += 1

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.seconds:
            terminalreporter.section("seconds by file")
        for file, took in self.seconds.most_common():
            left = f", {self.left[file]} only in `make all`" if self.left[file] else ""
            terminalreporter.write_line(
                f"{took:7.1f} s of {budget_of(ROOT / file):>4} s  {file}: {self.tests[file]}{left}"
            )

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if self.config.option.collectonly or exitstatus not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
            return
        kept = load()
        kept["runs"].append({
            "tiers": sorted({Path(file).parts[1] for file in self.seconds}), "s": round(time.time() - self.start, 1),
            "tests": self.tests.total(), "left": self.left.total(), "skipped": self.skipped.total(),
        })  # fmt: skip
        if self._is_of_the_gate():
            kept["files"] |= {
                file: {"s": round(took, 1), "tests": self.tests[file], "left": self.left[file]}
                for file, took in self.seconds.items()
                if self.tests[file]
            }
        save(kept)

    def _is_of_the_gate(self) -> bool:
        """Whether each file ran as it does in the gate, and whole."""
        parts = any(getattr(self.config.option, name, None) for name in _PARTS)
        return not (scope.ALL or parts or any("::" in word for word in self.config.args))


def load() -> dict:
    """What was measured: {"files": {file: {"s", "tests", "left"}}, "runs": [...], "began": time}."""
    try:
        return json.loads(FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"files": {}, "runs": [], "began": time.time()}


def save(kept: dict) -> None:
    """Keep it for the page and for the end of `make`."""
    FILE.parent.mkdir(exist_ok=True)
    half = FILE.with_suffix(f".{os.getpid()}")
    half.write_text(json.dumps(kept, indent=1, sort_keys=True), encoding="utf-8")
    half.replace(FILE)


def files() -> list[Path]:
    """Every file of tests, by tier."""
    return [path for tier in TIERS for path in sorted((ROOT / "tests" / tier).rglob("test_*.py"))]


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def proves(path: Path) -> str:
    """The first paragraph of a module's docstring."""
    text = ast.get_docstring(_parsed(path)) or ""
    return " ".join(text.partition("\n\n")[0].split())


def budget_of(path: Path) -> int:
    """Seconds that a file may take in the gate. Raises ValueError for a budget that is no plain number."""
    for node in _parsed(path).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "BUDGET_S":
            if isinstance(node.value, ast.Constant) and isinstance(node.value.value, int):
                return node.value.value
            raise ValueError(f"{path}: BUDGET_S is not a plain number of seconds")
    tier = TIERS.get(path.relative_to(ROOT / "tests").parts[0])
    return tier.budget_s if tier else _BUDGET_S


def told(size: str) -> str:
    """The end of a `make quick`, `make test` or `make all`."""
    kept = load()
    lines = [
        f"{', '.join(run['tiers'])}: {run['tests']} tests in {run['s']:.0f} s"
        + (f", {run['left']} left to `make all`" if run["left"] and size != "all" else "")
        + (f", {run['skipped']} skipped: pytest has said why" if run["skipped"] else "")
        for run in kept["runs"]
    ]
    lines.append(f"make {size}: {(time.time() - kept['began']) / 60:.1f} min")
    away = [name for name, tier in TIERS.items() if size not in tier.sizes]
    if away:
        lines.append(f"not run: {', '.join(away)} (make test)")
    if size != "all":
        lines.append(f"not run: {ONLY_ALL} (make all)")
    return "\n".join(lines)


HEAD = """# Tests

Made by `make generate`, with the times of the newest runs; the tiers stand in `tests/durations.py`, a file's budget in the file.

| | | takes |
|---|---|---|
| `make quick` | {quick} | minutes; for every change |
| `make test` | that, and {test} | the gate |
| `make all` | that, and {more} | hours; every night |

*Last time* is the sum over a file's tests on two cores, beside other files. A file that takes half more than its budget fails
`make all`. *Left to `make all`*: tests that the gate does not run.
"""


def page(old: str, measured: dict) -> str:
    """docs/testing.md; what was not measured keeps the time that the old page has."""
    before = dict(re.findall(r"^\| `(tests/\S+)` \|.*\| ([^|]*) \| [^|]* \|$", old, re.MULTILINE))
    lefts = dict(re.findall(r"^\| `(tests/\S+)` \|.*\| [^|]* \| ([^|]*) \|$", old, re.MULTILINE))
    by_size = {size: ", ".join(n for n, t in TIERS.items() if size in t.sizes) for size in ("quick", "test")}
    test = ", ".join(name for name, tier in TIERS.items() if "quick" not in tier.sizes)
    parts = [HEAD.format(quick=f"style, types, layers, {by_size['quick']}", test=test, more=ONLY_ALL)]
    for name, tier in TIERS.items():
        parts.append(f"\n## {name}: {tier.proves}\n\n| file | proves | budget, s | last time, s | left to `make all` |\n|---|---|---|---|---|\n")  # fmt: skip
        for path in files():
            file = path.relative_to(ROOT).as_posix()
            if not file.startswith(f"tests/{name}/"):
                continue
            known = measured.get(file, {})
            took = f"{known['s']:.1f}" if "s" in known else before.get(file, "")
            left = str(known["left"] or "") if "s" in known else lefts.get(file, "")
            parts.append(f"| `{file}` | {proves(path)} | {budget_of(path)} | {took} | {left} |\n")
    return "".join(parts)


def over_budget(measured: dict) -> list[str]:
    """The files that took too long in the gate, one line each."""
    return [
        f"{file}: {known['s']:.0f} s, its budget is {budget_of(ROOT / file)} s"
        for file, known in sorted(measured.items())
        if (ROOT / file).exists() and known.get("s", 0) > OVER * budget_of(ROOT / file)
    ]


def main(words: list[str]) -> int:
    """0, 1 when a file is over its budget, 2 for other words than those of this module's docstring."""
    kept = load()
    match words:
        case ["begin"]:
            save({**kept, "runs": [], "began": time.time()})
        case ["told", "quick" | "test" | "all" as size]:
            print(told(size))
        case ["page" | "times" as what]:
            old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
            new = {file: known for file, known in kept["files"].items() if what == "times" or f"`{file}`" not in old}
            PAGE.write_text(page(old, new), encoding="utf-8")
        case ["judge"]:
            if over := over_budget(kept["files"]):
                print("over the budget by half:", *over, sep="\n  ")
                return 1
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
