"""The generator's Job: its image and program, and following it until it has printed its result."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fogflow_k8s.actions.images import worker
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.errors import ClusterError, FogflowError, OperationFailed, PreflightFailed, Refused
from fogflow_k8s.model import manifests
from fogflow_k8s.model.bench import manifests as objects
from fogflow_k8s.model.bench.plan import NOTIFIES_OTHERS
from fogflow_k8s.model.bench.step import Step, from_json
from fogflow_k8s.model.diagnosis.pods import pod_causes
from fogflow_k8s.model.kubernetes import Obj, status_of

PROGRAM = "fogflow_k8s.loadgen"
_POLL_S = 1.0
_LINES, _LAST_LINES = 20, 200
_ENDED = ("Succeeded", "Failed")


def program() -> dict[str, str]:
    """The modules of the generator: path below the folder of the program -> text."""
    found = worker.modules(program=PROGRAM)
    return {worker.place_of(name, path).as_posix(): path.read_text(encoding="utf-8") for name, path in found.items()}


def image_of(release: Sequence[Obj], given: str) -> tuple[str, list[Mapping[str, Any]]]:
    """The image of the generator and its pull secrets: the given one, or that of the native worker. Raises PreflightFailed."""
    workers = [o for o in manifests.workloads(release) if manifests.component_of(o) == "cloud-worker"]
    spec = manifests.pod_spec(workers[0]) if workers else {}
    secrets = list(spec.get("imagePullSecrets") or [])
    if given:
        return given, secrets
    if workers and manifests.keeps_tasks(workers[0]):
        return str(spec["containers"][0]["image"]), secrets
    raise PreflightFailed(
        "there is no image for the load generator: the release uses the upstream worker, whose image has neither Python nor vegeta",
        hint="build one: fogflow-k8s images build --with-bench --push REGISTRY/IMAGE:TAG; then: fogflow-k8s bench run --image "
        "REGISTRY/IMAGE:TAG. Or name any image that has python3 (3.11 or newer) and vegeta",
    )


@dataclass
class Follower:
    """Reads the generator's log while it grows. `on_tick` is called once a second, for the resources."""

    op: Operation
    run: str
    scenario: str
    limit_s: float
    on_tick: Callable[[], None] = lambda: None
    warnings: list[str] = field(default_factory=list)
    _newest: str = ""

    def follow(self) -> list[Step]:
        """The steps, once the generator has printed them. Raises OperationFailed, PreflightFailed, Refused, ClusterError."""
        end = self.op.clock.now() + self.limit_s
        while True:
            pod = self._pod()
            phase = str(status_of(pod).get("phase", "Pending")) if pod else "Pending"
            if (
                pod
                and phase != "Pending"
                and (steps := self._read(pod, _LAST_LINES if phase in _ENDED else _LINES)) is not None
            ):
                return steps
            if pod and phase in _ENDED:
                raise self._no_result(pod)
            if pod and phase == "Pending":
                self._require_startable(pod)
            if self.op.clock.now() >= end:
                raise OperationFailed(
                    f"the load generator has printed no result after {self.limit_s:.0f} s",
                    hint=self._hint(),
                    exit_code=30,
                )
            self.on_tick()
            self.op.clock.sleep(_POLL_S)

    def _pod(self) -> Obj | None:
        pods = self.op.cluster.list("Pod", self.op.namespace, f"{objects.RUN_LABEL}={self.run}")
        return pods[0] if pods else None

    def _read(self, pod: Obj, lines: int) -> list[Step] | None:
        try:
            text = self.op.cluster.logs(self.op.namespace, str(pod["metadata"]["name"]), objects.CONTAINER, lines=lines)
        except ClusterError as error:
            if error.status in {400, 404} or error.passing:  # the container does not run yet, or a node answers late
                return None
            raise
        for line in text.splitlines():
            at, _, content = line.partition(" ")
            if at <= self._newest:
                continue
            self._newest = at
            if (steps := self._on_line(content)) is not None:
                return steps
        return None

    def _on_line(self, content: str) -> list[Step] | None:
        try:
            found = json.loads(content)
        except ValueError:
            return None
        if not isinstance(found, dict):
            return None
        if "result" in found:
            return [from_json(each) for each in found["result"]]
        if error := found.get("error"):
            raise self._error(str(error))
        if warning := found.get("warn"):
            self.warnings.append(str(warning))
            self.op.report.warn(str(warning))
        if log := found.get("log"):
            self.op.report.log(str(log))
        if now := found.get("progress"):
            self._show(now)
        return None

    def _show(self, now: Mapping[str, Any]) -> None:
        figures = ", ".join(f"{name} {_ms(now.get(name))}" for name in ("p50", "p99"))
        text = f"{self.scenario} at {now['rate']:g}/s: {figures}, {now['failed']} failed; seconds"
        self.op.report.progress(text, int(now["elapsed_s"]), int(now["duration_s"]))

    def _error(self, text: str) -> FogflowError:
        if text.startswith(NOTIFIES_OTHERS):
            return Refused(text, hint="to measure nevertheless: --yes")
        return OperationFailed(f"the load generator failed: {self.op.mask(text)}", hint=self._hint())

    def _require_startable(self, pod: Obj) -> None:
        events = self.op.cluster.list("Event", self.op.namespace)
        causes = pod_causes(pod, events, objects.COMPONENT, self.op.nodes or ())
        if found := next((each for each in causes if each.kind == "permanent"), None):
            raise PreflightFailed(
                f"the load generator cannot start: {self.op.mask(found.summary)}",
                hint=f"fogflow-k8s explain {found.id}; another image: --image IMAGE",
            )

    def _no_result(self, pod: Obj) -> OperationFailed:
        statuses = status_of(pod).get("containerStatuses") or [{}]
        ended = (statuses[0].get("state") or {}).get("terminated") or {}
        why = ended.get("reason") or status_of(pod).get("reason") or "its log has no result"
        return OperationFailed(f"the load generator ended without a result: {why}", hint=self._hint())

    def _hint(self) -> str:
        return "run it with a lower --rate, or with another image: fogflow-k8s bench run --image IMAGE"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value * 1000:.1f} ms"
