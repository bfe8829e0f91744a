"""Before Helm deletes the release: stop the keeper, let the worker take its tasks along, remove what is left of them.

Helm deletes the worker's rights before the worker: without this its tasks would stay for ever. A worker that keeps its
tasks leaves all of them, and they go here too, before the broker that they talk to. It never keeps an
uninstall from going on: what cannot be done is said, and the exit code is 0 all the same. It ends before the deadline of its Job,
as Helm stops an uninstall whose hook failed. What it leaves, the next `fogflow-k8s doctor` finds (FK-7006).
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
    """Do all of it within `whole_s` seconds and one call. Raises http_json.ERRORS when nothing can be known of the tasks."""
    begun = time.monotonic()
    end = begun + patience_s
    for plural, each in (
        ("deployments", "keeper"),
        (worker, name),
    ):  # the keeper would take the worker's end for a loss
        try:
            kube.scale(each, 0, plural)
        except Refused as error:  # gone already, by hand: the tasks are not
            print(f"cleanup: {each} cannot be stopped: {error}", flush=True)
    while any(component(pod) == name for pod in kube.pods()):
        if time.monotonic() > end:
            print("cleanup: the worker does not end; removing its tasks without it", flush=True)
            break
        time.sleep(0.5)
    tasks = list(kube.tasks())
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
    print(f"cleanup: {len(tasks)} tasks were left; {removed} of them are removed", flush=True)


def main(argv: Sequence[str]) -> int:
    """Always 0: a release must be removable."""
    parser = argparse.ArgumentParser(prog="cleanup")
    for name in ("release", "namespace", "tasks-namespace"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--worker", default="deployments", choices=("deployments", "statefulsets"), help="what it is")
    parser.add_argument(
        "--worker-keeps-tasks", action="store_true", help="tasks outlive it, and are more than two objects"
    )
    parser.add_argument("--name", default=WORKER, help="of the worker")
    options = parser.parse_args(argv)
    kube = Kube(options.namespace, options.tasks_namespace, options.release)
    try:
        clean_up(kube, worker=options.worker, name=options.name, kept=options.worker_keeps_tasks)
    except ERRORS as error:
        print(f"cleanup: {error}: tasks may be left in namespace {options.tasks_namespace}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
