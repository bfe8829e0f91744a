"""Results of actions, built by hand: the input of the screens and documents."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fogflow_k8s.actions.bundle.bundle import Bundle
from fogflow_k8s.actions.doctor.doctor import Diagnosis
from fogflow_k8s.actions.observe.status import Report
from fogflow_k8s.actions.release.diff import CONFLICT
from fogflow_k8s.actions.release.outcome import Outcome
from fogflow_k8s.model.diagnosis import findings
from fogflow_k8s.model.diagnosis.assessment import PULLING, Assessment, Component
from fogflow_k8s.model.diagnosis.catalogue import Cause, cause
from fogflow_k8s.model.diagnosis.readiness import Verdict
from fogflow_k8s.model.diff.fields import Change, Field, changes
from fogflow_k8s.model.diff.owners import Owner
from fogflow_k8s.model.diff.three_way import Difference, Drift
from fogflow_k8s.model.placement.topology import Topology
from fogflow_k8s.model.redaction.bundle_index import Member, Part
from fogflow_k8s.model.release.history import Repair, Revision
from fogflow_k8s.model.settings.presets import Preset

NOW = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
TOPOLOGY = Topology(3, 1, 2, 2, 0, "one control-plane node and 2 worker nodes")
CREATED = "2026-03-04T11:53:00Z"
SECONDS = {"total": 12.34, "helm": 1.5, "wait": 9.96}
IMAGES = {
    "rabbitmq": "docker.io/library/rabbitmq:4.3",
    "master": "docker.io/fogflow/master:3.2.8",
    "nginx": "docker.io/nginxinc/nginx-unprivileged:1.29-alpine",
}


def image_not_found() -> Cause:
    return cause(
        "FK-4001",
        "master",
        "pod/master-6d4f-x2x9z",
        "master: image docker.io/fogflow/master:nope does not exist",
        evidence=('Back-off pulling image "docker.io/fogflow/master:nope": not found [the registry says so]',),
    )


def unschedulable() -> Cause:
    return cause(
        "FK-3001",
        "rabbitmq",
        "pod/rabbitmq-7f9c-abcde",
        "rabbitmq: no node has enough free CPU (requested: 64)",
        namespace="city",
        pod="rabbitmq-7f9c-abcde",
    )


def waits_for(component: str, other: str) -> Cause:
    return cause("FK-6001", component, f"deployment/{component}", f"{component} waits for {other}")


def ready(name: str, replicas: int = 1, **more: Any) -> Component:
    verdict = Verdict("ready", "", replicas, replicas, replicas)
    return Component(name, "Deployment", verdict, image=IMAGES[name], created=CREATED, **more)


def waiting(name: str, reason: str, **more: Any) -> Component:
    return Component(
        name, "Deployment", Verdict("waiting", reason, 1, 0, 1), image=IMAGES[name], created=CREATED, **more
    )


ALL_READY = Assessment((ready("rabbitmq", restarts=2), ready("master", nodes=("node-1",)), ready("nginx", 2)))
BROKEN = Assessment(
    (ready("rabbitmq"), waiting("master", "0 of 1 replicas are available", cause="FK-4001"), ready("nginx", 2)),
    (image_not_found(),),
)
STARVED = Assessment(
    (
        waiting("rabbitmq", "0 of 1 replicas are available", cause="FK-3001"),
        waiting("master", "0 of 1 replicas are available", cause="FK-6001", phase="in init container wait"),
        ready("nginx", 2),
    ),
    (unschedulable(), waits_for("master", "rabbitmq"), waits_for("designer", "rabbitmq")),
)
PULLS = Assessment(
    (waiting("rabbitmq", "0 of 1 replicas are available", phase=PULLING), ready("master"), ready("nginx", 2)),
    pulling=("rabbitmq",),
)


def revision(number: int, status: str = "deployed", **more: Any) -> Revision:
    facts = {"chart": "fogflow-chart-1.0.0", "app_version": "3.2.8", "updated": f"2026-03-0{number}T08:09:10.123456Z"}
    return Revision(number, status, **{**facts, **more})


def report(assessment: Assessment = ALL_READY, **more: Any) -> Report:
    facts: dict[str, Any] = {
        "release": "fogflow",
        "namespace": "fogflow",
        "revision": revision(2),
        "context": "kind-city",
        "server": "https://192.0.2.1:6443",
        "uid": "00000000-1111-2222-3333-444444444444",
        "simulated": False,
        "state": "unverified",
        "urls": ("http://192.0.2.10/index.html",),
        "bus_secret": "fogflow-rabbitmq",
        "worker": "upstream",
    }
    return Report(assessment=assessment, **{**facts, **more})


REPORTS: dict[str, Report] = {
    "unverified": report(),
    "simulated": report(simulated=True, urls=()),
    "failed": report(BROKEN, state="failed"),
    "dependents": report(STARVED, state="degraded", namespace="city"),
    "pulling": report(PULLS, state="progressing", revision=revision(1, "pending-install"), urls=()),
    "tasks": report(tasks={"Running": 7, "Pending": 2}, worker="native"),
    "absent": report(Assessment(()), state="absent", revision=None, urls=(), worker=None),
}


def apart() -> Difference:
    """A difference with changes of the settings and changes by hand, each in several objects."""

    def made(kind: str, name: str, **body: Any) -> dict[str, Any]:
        return {"kind": kind, "metadata": {"name": name}, **body}

    def deployment(name: str, replicas: int, checksum: str) -> dict[str, Any]:
        metadata = {"annotations": {"checksum/config": checksum}}
        return made("Deployment", name, spec={"replicas": replicas, "template": {"metadata": metadata}})

    def conf(lines: int) -> str:
        return "".join(f"line {n} of [nginx.conf]\n" for n in range(lines))

    old = [
        deployment("nginx", 2, "a"), deployment("master", 1, "a"), made("Service", "old"),
        made("ConfigMap", "nginx", data={"nginx.conf": conf(2)}), made("Secret", "password", data={"p": "b2xk"}),
        {"kind": "Role", "metadata": {"name": "gone", "namespace": "fogflow-tasks"}},
    ]  # fmt: skip
    new = [
        deployment("nginx", 3, "b"), deployment("master", 1, "b"), made("Service", "new"),
        made("ConfigMap", "nginx", data={"nginx.conf": conf(60)}), made("Secret", "password", data={"p": "bmV3"}),
    ]  # fmt: skip
    by_hand = (
        Drift("Service/designer", "", "restored"),
        Drift("Deployment/nginx", "", "overridden", Field("spec.replicas", 2, 5), 3, Owner("kubectl", "scale")),
        Drift("Deployment/nginx", "", "left", Field("metadata.labels.mine", None, "x"), "x", Owner("kubectl-label")),
        Drift("PersistentVolumeClaim/designer-data", "", "refused", why="spec is immutable after creation"),
    )
    return Difference(
        "fogflow", "fogflow", "kind-city", "https://192.0.2.1:6443", 2, changes=tuple(changes(old, new)), drift=by_hand,
        unseen=("Secret/hidden",), notes=(f"{CONFLICT}: to take them over: fogflow-k8s deploy --force-conflicts",),
    )  # fmt: skip


NONE = Difference("fogflow", "fogflow", "kind-city", "https://192.0.2.1:6443", 2)
DIFFERENCES: dict[str, Difference] = {
    "none": NONE,
    "apart": apart(),
    "failed-before": replace(NONE, renews=True, notes=("revision 2 is failed: a deploy makes a new one in any case",)),
    "new-password": replace(NONE, rotates=("rabbitmq", "master", "cloud-worker", "designer")),
    "not-installed": replace(NONE, revision=0, changes=(Change("add", "Deployment/master"),)),
}
STUCK = findings.interrupted_operation(Repair("rollback", 1, "revision 2 was left pending-upgrade"), "fogflow", "city")
KEPT = findings.Finding(
    cause("FK-7008", "release", "persistentvolumeclaim/data", "claim data (1Gi, 3 days old) is kept", namespace="city", name="data")
)  # fmt: skip
DIAGNOSES: dict[str, Diagnosis] = {
    "well": Diagnosis("fogflow", "city", "kind-city", installed=True, findings=()),
    "found": Diagnosis("fogflow", "city", "kind-city", installed=True, findings=(STUCK, KEPT)),
    "fixed": Diagnosis("fogflow", "city", "kind-city", installed=True, findings=(replace(STUCK, fixed=True), KEPT)),
    "absent": Diagnosis(
        "fogflow", "city", "kind-city", installed=False, findings=(), unchecked=("unused volumes: not allowed",)
    ),
}  # fmt: skip
OUTCOMES: dict[str, Outcome] = {
    "installed": Outcome(
        "installed",
        0,
        report(revision=revision(1)),
        seconds=SECONDS,
        preset=Preset("small", "topology 3: one control-plane node and 2 worker nodes", TOPOLOGY),
    ),
    "installed-without-address": Outcome("installed", 0, report(revision=revision(1), urls=()), seconds=SECONDS),
    "unchanged": Outcome(
        "unchanged", 0, report(), seconds=SECONDS, detail="the release already matches the settings, and is ready"
    ),
    "dry-run": Outcome(
        "unchanged", 0, report(), seconds=SECONDS, detail="dry run: nothing was changed", difference=NONE
    ),
    "rolled-back": Outcome(
        "rolled-back",
        20,
        report(revision=revision(3)),
        causes=(image_not_found(),),
        seconds=SECONDS,
        detail="rolled back to revision 1, which is ready again",
        bundle=Path("bundles/fogflow-20260304T120000Z.tar.gz"),
        before=1,
    ),
    "first-install-left": Outcome(
        "left-failed",
        21,
        report(BROKEN, state="failed", revision=revision(1)),
        causes=(image_not_found(),),
        seconds=SECONDS,
        detail="left in place: there is no earlier revision",
        bundle=Path("bundles/fogflow-20260304T120000Z.tar.gz"),
    ),
    "upgrade-left-elsewhere": Outcome(
        "left-failed",
        21,
        report(STARVED, state="degraded", namespace="city", release="north"),
        causes=STARVED.causes,
        seconds=SECONDS,
    ),
    "helm-failed": Outcome(
        "rollback-failed",
        22,
        report(state="failed", revision=revision(3, "failed")),
        seconds=SECONDS,
        error="the server is shutting down",
        detail="helm rollback failed too",
    ),
    "timed-out": Outcome("timed-out", 30, report(PULLS, state="progressing"), seconds=SECONDS),
}

BUNDLE = Bundle(
    Path("fogflow-20260304T120000Z.tar.gz"),
    163_456,
    1.84,
    (
        Part("pods", 0.1, (Member("objects/city/pod.json", "pods", 60_961, 0.1, {"annotation": 8, "variable": 2}),)),
        Part("logs", 0.5, (Member("logs/city/a.b.log", "logs", 99, 0.5, {"named": 1}, "the newest 5000 lines"),)),
        Part("nodes", 0.0, (), ("nodes is forbidden",)),
    ),
    ("nodes: nodes is forbidden",),
)

HISTORY = [
    revision(1, "superseded", verified=True, by="ana@laptop", description="fogflow-k8s deploy by ana@laptop"),
    revision(2, "failed", description='Upgrade "fogflow" failed: timed out'),
    revision(3, verified=True, by="ci@runner", description="Rollback to 1"),
]
