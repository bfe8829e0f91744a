"""A deploy in progress: what was asked for, what was found, what was decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Any

from fogflow_k8s.actions.observe import status, track
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.release import rollout
from fogflow_k8s.actions.release.outcome import Outcome, Result
from fogflow_k8s.actions.release.rotation import Rotation, find
from fogflow_k8s.model import manifests
from fogflow_k8s.model.diagnosis.assessment import Assessment
from fogflow_k8s.model.diff.three_way import Difference
from fogflow_k8s.model.release.breaking_changes import Loss
from fogflow_k8s.model.settings.presets import Preset


@dataclass(frozen=True)
class Login:
    """How an edge logs in at its cloud: the Secret of ours that gets the password."""

    secret: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Request:
    """What the user asked for. `values` are those a person gave, already validated."""

    chart: Path
    values: Mapping[str, Any]
    config: Path | None = None
    timeout_s: float = 300.0
    wait: bool = True
    rollback_on_failure: bool = True
    force_conflicts: bool = False
    take_ownership: bool = False  # of objects that others made, and of a release of another chart
    dry_run: str = ""  # "", "client" or "server"
    expect_cluster: str = ""
    allow_other_cluster: bool = False
    preset: str = ""  # "" = the one that fits the cluster
    login: Login | None = (
        None  # of an edge: what follows from a cloud's own RabbitMQ, designer and presets is not decided then
    )
    force: bool = False  # lose what a change of kind loses
    confirm: Callable[[Difference], None] | None = None  # asks a person before a release is changed; raises Refused


@dataclass
class Deployment:
    """A deploy in progress."""

    op: Operation
    request: Request
    watch: rollout.Stopwatch
    values: dict[str, Any] = field(default_factory=dict)
    objects: list[dict[str, Any]] = field(default_factory=list)
    hooks: list[dict[str, Any]] = field(default_factory=list)
    installed: status.Installed | None = None
    secret: str = ""  # the Secret with RabbitMQ's password, when it is ours to make
    secret_exists: bool = False
    password: str = ""  # for it, when the user gave one
    rotation: Rotation = field(default_factory=Rotation)  # of that password
    preset: Preset | None = None  # once decided
    losses: list[Loss] = field(default_factory=list)  # what the user said may be lost
    revision_before: int = 0  # the newest one when Helm began; 0 for a first install
    agreed: bool = False  # the user saw what was changed by hand, and said yes to what becomes of it

    @property
    def making(self) -> str:
        """The Secret with RabbitMQ's password that we are about to make; "" when there is none to make."""
        return "" if self.secret_exists else self.secret

    @property
    def expected(self) -> list[Mapping[str, Any]]:
        """The workloads that should exist afterwards."""
        return manifests.workloads(self.objects)

    @property
    def digest(self) -> str:
        """The identity of the input: the manifests it renders to."""
        return sha256(dumps(self.objects, sort_keys=True, default=str).encode()).hexdigest()


def rotation(work: Deployment) -> Rotation:
    """What becomes of RabbitMQ's password."""
    auth = (work.values.get("rabbitmq") or {}).get("auth") or {}
    given = work.password or ("" if auth.get("existingSecret") else str(auth.get("password") or ""))
    return find(work.op, work.objects, work.installed, given=given)


def now(work: Deployment) -> Assessment:
    """One look at what is installed."""
    expected = work.installed.expected if work.installed else []
    return track.glance(work.op, expected)


def outcome(work: Deployment, result: Result, exit_code: int, seen: Assessment, **more: Any) -> Outcome:
    """The end of the deploy, with the state as seen."""
    op = work.op
    newest = work.installed.newest if work.installed else None
    report = status.report(
        op,
        newest,
        seen,
        work.objects if result != "rolled-back" else (work.installed.objects if work.installed else ()),
    )
    return Outcome(result, exit_code, report, seconds=work.watch.seconds(), preset=work.preset, **more)
