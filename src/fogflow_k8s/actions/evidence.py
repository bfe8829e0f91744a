"""What a failure looked like, saved before anything is rolled back: pods, workloads, events, log tails."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.adapters.places import state_home
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model.assessment import Assessment
from fogflow_k8s.model.redact import redact


def save(op: Operation, assessment: Assessment, manifest: str = "") -> Path | None:
    """The folder where the evidence lies; None when it could not be written (that never stops a rollback)."""
    folder = state_home() / "evidence" / f"{op.release}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        seen = assessment.seen
        for name, what in (
            ("workloads", seen.workloads),
            ("replicasets", seen.replicasets),
            ("pods", seen.pods),
            ("events", seen.events),
        ):
            (folder / f"{name}.json").write_text(json.dumps(what, indent=1), encoding="utf-8")
        (folder / "causes.json").write_text(
            json.dumps([c.__dict__ for c in assessment.causes], indent=1), encoding="utf-8"
        )
        if manifest:
            (folder / "manifest.yaml").write_text(redact(manifest), encoding="utf-8")
        blamed = {c.object for c in assessment.causes if c.kind != "dependent"}
        for pod in seen.pods:
            if f"pod/{pod['metadata']['name']}" in blamed:
                _logs(op, pod, folder)
    except OSError as error:
        op.report.warn(f"the evidence could not be saved: {error}")
        return None
    return folder


def _logs(op: Operation, pod: Any, folder: Path) -> None:
    status = pod.get("status") or {}
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        for previous in (False, True):
            if previous and not container.get("restartCount"):
                continue
            name = f"{pod['metadata']['name']}.{container['name']}{'.previous' if previous else ''}.log"
            try:
                text = op.cluster.logs(
                    op.namespace, pod["metadata"]["name"], container["name"], previous=previous, lines=200
                )
            except ClusterError as error:
                text = f"(no log: {error.message})\n"
            (folder / name).write_text(redact(text), encoding="utf-8")
