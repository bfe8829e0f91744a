"""The cleanup hook, which runs before Helm deletes the release: stop the keeper and the worker, and delete the tasks that remain.

Helm deletes the permissions of the worker before the worker itself, so without this hook its tasks would remain. An upstream worker
deletes its tasks when it ends; a native worker leaves all of them. The hook does not prevent an uninstall: it logs what fails, and
exits with 0. It ends before the deadline of its Job, because Helm stops an uninstall whose hook failed. `fogflow-k8s doctor` finds
what it could not delete (FK-7006).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from http_json import ERRORS, Refused
from kube import Kube
from snapshot import WORKER, component

_PATIENCE_S = 50.0  # for the worker's end
_WHOLE_S = (
    75.0  # for everything; the deadline of the Job (templates/cleanup/job.yaml) leaves time for the start of its pod
)


def clean_up(
    kube: Kube,
    patience_s: float = _PATIENCE_S,
    worker: str = "deployments",
    name: str = WORKER,
    *,
    kept: bool = False,
    whole_s: float = _WHOLE_S,
) -> None:
    """Clean up within `whole_s` seconds and one more request. Raises http_json.ERRORS when the tasks cannot be listed."""
    begun = time.monotonic()
    end = begun + patience_s
    for plural, each in (
        ("deployments", "keeper"),
        (worker, name),
    ):  # the keeper first: it would repair the worker
        try:
            kube.scale(each, 0, plural)
        except Refused as error:  # deleted by hand; its tasks may still run
            print(f"cleanup: {each} cannot be stopped: {error}", flush=True)
    while any(component(pod) == name for pod in kube.pods()):
        if time.monotonic() > end:
            print("cleanup: the worker does not end; removing its tasks without it", flush=True)
            break
        time.sleep(0.5)
    tasks = sorted({*kube.tasks(), *kube.services()})  # a worker that was killed may leave a Service alone
    removed = 0
    for task in tasks:
        if time.monotonic() - begun > whole_s:
            print("cleanup: no time is left", flush=True)
            break
        try:
            kube.delete_task(task, more=kept)
            removed += 1
        except ERRORS as error:
            print(f"cleanup: task {task}: {error}", flush=True)
    print(f"cleanup: {len(tasks)} tasks remained; {removed} of them were deleted", flush=True)


def main(argv: Sequence[str]) -> int:
    """Returns 0 in every case, because an uninstall must be possible."""
    parser = argparse.ArgumentParser(prog="cleanup")
    for name in ("release", "namespace", "tasks-namespace"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument(
        "--worker", default="deployments", choices=("deployments", "statefulsets"), help="kind of the worker's workload"
    )
    parser.add_argument(
        "--worker-keeps-tasks", action="store_true", help="the worker is native: its tasks have more objects"
    )
    parser.add_argument("--name", default=WORKER, help="name of the worker")
    options = parser.parse_args(argv)
    kube = Kube(options.namespace, options.tasks_namespace, options.release)
    try:
        clean_up(kube, worker=options.worker, name=options.name, kept=options.worker_keeps_tasks)
    except ERRORS as error:
        print(f"cleanup: {error}: tasks may be left in namespace {options.tasks_namespace}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
