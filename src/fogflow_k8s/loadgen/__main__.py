"""The program: `python3 -m fogflow_k8s.loadgen PLAN`."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from fogflow_k8s.loadgen.ngsi import RequestFailed
from fogflow_k8s.loadgen.run import run
from fogflow_k8s.loadgen.vegeta import GeneratorFailed
from fogflow_k8s.model.bench.plan import from_json


def emit(line: dict[str, Any]) -> None:
    """Print one line of JSON."""
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def _stop(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)  # so that the run removes what it made


def main(argv: list[str]) -> int:
    """Run the plan; the exit status is 0 with a result, also with an invalid one."""
    signal.signal(signal.SIGTERM, _stop)
    plan = from_json(Path(argv[0]).read_text(encoding="utf-8"))
    try:
        steps = run(plan, emit, address=os.environ.get("POD_IP", "127.0.0.1"))
    except (RequestFailed, GeneratorFailed) as error:
        emit({"error": str(error)})
        return 1
    emit({"result": steps})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
