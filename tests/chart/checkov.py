"""Checkov, an independent judge of manifests, in an environment of its own: its hundred dependencies would rule ours."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import venv
from collections import defaultdict
from pathlib import Path
from typing import Any

REQUIREMENT = "checkov>=3.3.30,<3.4"
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod")
_CLOSED = "http://127.0.0.1:9"
"""Where nobody listens: whatever it would ask the network fails at once."""


def installed(folder: Path) -> Path:
    """The program in `folder`, installed there when it is not yet; one process at a time looks."""
    folder.mkdir(parents=True, exist_ok=True)
    program, mark = folder / "env/bin/checkov", folder / "ready"
    wanted = f"{REQUIREMENT} {sys.version_info.major}.{sys.version_info.minor} {folder}\n"
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not mark.exists() or mark.read_text(encoding="utf-8") != wanted:
            mark.unlink(missing_ok=True)
            shutil.rmtree(folder / "env", ignore_errors=True)
            venv.create(folder / "env", with_pip=True)
            argv = [str(folder / "env/bin/pip"), "install", "--quiet", "--disable-pip-version-check", REQUIREMENT]
            done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
            assert done.returncode == 0, f"checkov cannot be installed from PyPI:\n{done.stderr}"
            mark.write_text(wanted, encoding="utf-8")
    return program


def findings(program: Path, renders: dict[str, str], folder: Path) -> dict[str, dict[str, set[str]]]:
    """Render -> workload (kind/name) -> ids of the checks that it fails; a workload without any is there too."""
    files = {folder / f"{name}.yaml": name for name in renders}
    for path, name in files.items():
        path.write_text(renders[name], encoding="utf-8")
    argv = [str(program), "--framework", "kubernetes", "--skip-download", "--quiet", "--compact", "-o", "json", "-f"]
    env = {**os.environ, "LOG_LEVEL": "ERROR", "HTTP_PROXY": _CLOSED, "HTTPS_PROXY": _CLOSED, "NO_COLOR": "1"}
    done = subprocess.run([*argv, *map(str, files)], capture_output=True, text=True, timeout=120, check=False, env=env)
    assert done.returncode in {0, 1}, done.stderr
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 100 * len(renders), "it has really looked"
    found: dict[str, dict[str, set[str]]] = {name: _workloads(text) for name, text in renders.items()}
    for failed in report["results"]["failed_checks"]:
        kind, _, name = failed["resource"].split(".")
        render = files[Path(failed["file_abs_path"])]
        found[render].setdefault(f"{kind}/{name}", set()).add(failed["check_id"])
    return found


def by_id(found: dict[str, set[str]]) -> dict[str, set[str]]:
    """Id -> names of those who fail it."""
    turned: dict[str, set[str]] = defaultdict(set)
    for workload, ids in found.items():
        for each in ids:
            turned[each].add(workload.partition("/")[2])
    return dict(turned)


def per_workload(found: dict[str, set[str]]) -> float:
    """Findings per workload on average; a `helm test` is none, since it does not stay."""
    counted = {workload: ids for workload, ids in found.items() if not workload.startswith("Pod/")}
    return sum(map(len, counted.values())) / len(counted)


def _workloads(text: str) -> dict[str, set[str]]:
    import yaml

    documents: list[dict[str, Any]] = [each for each in yaml.safe_load_all(text) if each]
    return {f"{each['kind']}/{each['metadata']['name']}": set() for each in documents if each["kind"] in WORKLOADS}
