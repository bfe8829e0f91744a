"""The state of a whole release: its components, the causes of failures, and the components whose images are being pulled.

Input is a snapshot of the release's objects and events, and the list of workloads that should exist, which comes from the
release's manifests; so a deleted workload is noticed. `assess` compares the two and applies the rules of this package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fogflow_k8s.model.components import NAMES
from fogflow_k8s.model.diagnosis import health_report
from fogflow_k8s.model.diagnosis import pods as pod_rules
from fogflow_k8s.model.diagnosis import root_cause as rules
from fogflow_k8s.model.diagnosis.catalogue import Cause, cause
from fogflow_k8s.model.diagnosis.health_report import HealthReport
from fogflow_k8s.model.diagnosis.readiness import Verdict, judge
from fogflow_k8s.model.kubernetes import Obj, annotations_of, labels_of, spec_of, status_of
from fogflow_k8s.model.manifests import component_of, pod_spec

PULLING = "pulling its image"


@dataclass(frozen=True)
class Snapshot:
    """The objects of the release and the events of its namespace at one moment."""

    workloads: Sequence[Obj] = ()
    replicasets: Sequence[Obj] = ()
    pods: Sequence[Obj] = ()
    events: Sequence[Obj] = ()
    nodes: Sequence[Obj] = ()  # only listed when a pod is not scheduled or its node may be lost
    health: HealthReport | None = None  # None: there is no keeper, or the nodes run no containers
    namespace: str = ""


@dataclass(frozen=True)
class Component:
    """One row of the status table."""

    name: str
    kind: str
    verdict: Verdict
    restarts: int = 0
    image: str = ""
    created: str = ""
    nodes: tuple[str, ...] = ()
    cause: str = ""
    phase: str = ""  # its current step in words; "" when the verdict's reason describes it


@dataclass(frozen=True)
class Assessment:
    """The result for one snapshot."""

    components: tuple[Component, ...]
    causes: tuple[Cause, ...] = ()
    pulling: tuple[str, ...] = ()
    seen: Snapshot = field(default_factory=Snapshot, repr=False, compare=False)

    @property
    def ready(self) -> bool:
        """True when every component is ready (and there is at least one)."""
        return bool(self.components) and all(c.verdict.state == "ready" for c in self.components)

    @property
    def health(self) -> HealthReport | None:
        """The keeper's report; None without a keeper."""
        return self.seen.health

    @property
    def works(self) -> bool:
        """True when every component is ready and the keeper, if there is one, reports that FogFlow works."""
        return self.ready and (self.health is None or self.health.works)

    @property
    def hopeless(self) -> bool:
        """True when waiting cannot help: a permanent cause, or a workload that failed for good.

        A rollout that its controller gave up while an image is still being pulled counts as waiting.
        """
        failed = any(c.verdict.state == "failed" for c in self.components) and not self.pulling
        return failed or any(c.kind == "permanent" for c in self.causes)

    def verdicts(self) -> dict[str, Verdict]:
        """Component name -> verdict, with the phase as the reason where there is one."""
        return {
            c.name: Verdict(
                c.verdict.state, c.phase or c.verdict.reason, c.verdict.desired, c.verdict.ready, c.verdict.updated
            )
            for c in self.components
        }


def assess(expected: Sequence[Obj], seen: Snapshot, *, final: bool = False) -> Assessment:
    """The release's state. A component that failed without a known cause gets FK-5011; with `final`, a waiting one, too."""
    live = {(str(o["kind"]), str(o["metadata"]["name"])): o for o in seen.workloads}
    rows: list[Component] = []
    found: list[Cause] = []
    for wanted in sorted(expected, key=_place):
        owner = live.get((str(wanted["kind"]), str(wanted["metadata"]["name"])))
        mine = newest_pods(owner, seen) if owner else []
        verdict = judge(owner) if owner else Verdict("waiting", "it does not exist", _replicas(wanted))
        row = _row(wanted, owner, verdict, mine, seen)
        rows.append(row)
        if verdict.state != "ready" and owner:
            causes = _causes(owner, mine, seen, row.name)
            silent = verdict.state == "failed" or (final and row.phase != PULLING)
            found.extend(causes or ([_silent(row, owner, mine)] if silent else []))
    if seen.health and all(
        row.verdict.state == "ready" for row in rows
    ):  # otherwise the causes of the pods are more specific
        found.extend(health_report.causes(seen.health, seen.namespace))
    ordered = rules.root_first(found, [r.name for r in rows if r.verdict.state != "ready"])
    first = {c.component: c for c in reversed(ordered)}
    pulling = tuple(sorted({r.name for r in rows if r.phase == PULLING}))
    return Assessment(tuple(_with_cause(r, first.get(r.name)) for r in rows), tuple(ordered), pulling, seen)


def newest_pods(owner: Obj, seen: Snapshot) -> list[Obj]:
    """The pods of a workload's newest version, without superseded ones and without evicted ones that were replaced."""
    uid = owner["metadata"].get("uid")
    if owner["kind"] == "Deployment":
        revision = _revision(owner)
        sets = {s["metadata"]["uid"] for s in seen.replicasets if _owned_by(s, uid) and _revision(s) == revision}
        pods = [p for p in seen.pods if any(_owned_by(p, s) for s in sets)]
    else:
        newest = status_of(owner).get("updateRevision")
        pods = [p for p in seen.pods if _owned_by(p, uid)]
        if newest:
            pods = [p for p in pods if labels_of(p).get("controller-revision-hash") == newest]
    alive = [p for p in pods if status_of(p).get("phase") != "Failed"]
    return alive or pods


def _causes(owner: Obj, pods: Sequence[Obj], seen: Snapshot, component: str) -> list[Cause]:
    uid = owner["metadata"].get("uid")
    made = [s for s in seen.replicasets if _owned_by(s, uid)]
    makers = [owner, *(s for s in made if _revision(s) == _revision(owner))]
    found = (
        [] if _old_generation(owner) else [c for m in makers for c in rules.owner_causes(m, seen.events, component)][:1]
    )
    for pod in pods:
        found.extend(pod_rules.pod_causes(pod, seen.events, component, seen.nodes))
    if not found:  # the new pods have no cause: perhaps an old pod does not end
        uids = {uid, *(s["metadata"]["uid"] for s in made)}
        old = [p for p in seen.pods if any(_owned_by(p, each) for each in uids)]
        found = [c for p in old if (c := pod_rules.held_back(p, component, seen.nodes))]
    return found


def _silent(row: Component, owner: Obj, pods: Sequence[Obj]) -> Cause:
    namespace = str(owner["metadata"].get("namespace", ""))
    if pods:
        name = str(pods[0]["metadata"]["name"])
        return cause(
            "FK-5011", row.name, f"pod/{name}", f"{row.name}: {row.verdict.reason}", namespace=namespace, pod=name
        )
    what = f"{owner['kind'].lower()}/{owner['metadata']['name']}"
    return cause(
        "FK-5011",
        row.name,
        what,
        f"{row.name}: it has no pod yet",
        namespace=namespace,
        pod=f"-l app.kubernetes.io/component={row.name}",
    )


def _row(wanted: Obj, owner: Obj | None, verdict: Verdict, pods: Sequence[Obj], seen: Snapshot) -> Component:
    containers = pod_spec(owner or wanted).get("containers") or [{}]
    phase = ""
    if verdict.state != "ready" and pods:
        if any(pod_rules.is_pulling(p, seen.events) for p in pods):
            phase = PULLING
        elif init := next((name for p in pods if (name := _running_init(p))), ""):
            phase = f"in init container {init}"
    return Component(
        name=component_of(wanted),
        kind=str(wanted["kind"]),
        verdict=verdict,
        restarts=sum(
            int(s.get("restartCount") or 0) for p in pods for s in status_of(p).get("containerStatuses") or []
        ),
        image=str(containers[0].get("image", "")),
        created=str((owner or {}).get("metadata", {}).get("creationTimestamp") or ""),
        nodes=tuple(sorted({str(spec_of(p).get("nodeName")) for p in pods if spec_of(p).get("nodeName")})),
        phase=phase,
    )


def _running_init(pod: Obj) -> str:
    for status in status_of(pod).get("initContainerStatuses") or []:
        if "terminated" not in (status.get("state") or {}) and not status.get("ready"):
            return str(status.get("name"))
    return ""


def _with_cause(row: Component, first: Cause | None) -> Component:
    """The row with its first cause; a blocked component's phase names the components that it waits for."""
    if first is None:
        return row
    waits = first.kind == "blocked" and row.phase != PULLING
    return replace(row, cause=first.id, phase=first.summary.removeprefix(f"{row.name} ") if waits else row.phase)


def _place(obj: Obj) -> tuple[int, str]:
    name = component_of(obj)
    return (NAMES.index(name) if name in NAMES else len(NAMES)), name


def _replicas(obj: Obj) -> int:
    return int(spec_of(obj).get("replicas", 1))


def _owned_by(obj: Obj, uid: Any) -> bool:
    return any(o.get("uid") == uid for o in obj["metadata"].get("ownerReferences") or [])


def _revision(obj: Obj) -> str:
    return str(annotations_of(obj).get("deployment.kubernetes.io/revision", ""))


def _old_generation(owner: Obj) -> bool:
    return int(status_of(owner).get("observedGeneration") or 0) < int(owner["metadata"].get("generation") or 0)
