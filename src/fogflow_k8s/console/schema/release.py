"""The documents of `deploy`, `rollback`, `diff`, `doctor` and `bundle`."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from fogflow_k8s.actions.release.outcome import Result
from fogflow_k8s.console.schema.common import Cause, Context, Document, ReleaseName, Server
from fogflow_k8s.console.schema.status import StatusParts
from fogflow_k8s.model.diff.three_way import Effect


class ClusterTopology(TypedDict):
    """The nodes of the cluster, as FogFlow's pods see them."""

    number: int
    """1: control plane and worker on one node. 2: one of each. 3: one control plane node, several workers. 4: several of
    both. 0: no node accepts pods at present."""
    description: str
    """The same in words."""
    controlPlaneNodes: int
    """Number of control plane nodes; 0 when a provider hides them."""
    workerNodes: int
    """Number of nodes that accept the pods now."""
    zones: int
    """Number of different zones among them."""


class Preset(TypedDict):
    """The preset in use."""

    name: str
    """single-node, small or ha."""
    reason: str
    """Why this one."""
    clusterTopology: ClusterTopology | None
    """Topology of the cluster; null when you may not read the nodes."""


class Change(TypedDict):
    """One difference between the installed and the new manifests. Secret values are masked."""

    action: Literal["add", "remove", "change"]
    """What happens to the object."""
    object: str
    """Kind/name."""
    namespace: str
    """Namespace of the object."""
    path: str | None
    """Path of the field that changes; null for a whole object."""
    old: Any
    """Value before; null when absent."""
    new: Any
    """Value after; null when absent."""
    noise: str | None
    """What the table counts this change as, instead of showing it."""


class Drift(TypedDict):
    """One thing that was changed on the cluster since the last revision. Secret values are masked."""

    action: Literal["add", "change"]
    """What a deploy does. add: the object was deleted."""
    object: str
    """Kind/name."""
    namespace: str
    """Namespace of the object."""
    path: str | None
    """Path of the field; null for a whole object."""
    deployed: Any
    """Value of the last revision; null when absent."""
    live: Any
    """Value on the cluster; null when absent."""
    wanted: Any
    """Value that a deploy sets; null for none."""
    manager: str | None
    """Field manager that changed it, when known."""
    subresource: str | None
    """Subresource through which it was changed, as scale."""
    effect: Effect
    """What becomes of it: the old value again, another value, nothing, the object goes, or the API server refuses."""
    reason: str | None
    """The API server's words when it refuses."""
    noise: str | None
    """What the table counts this as, instead of showing it."""


class Difference(TypedDict):
    """What a deploy would change."""

    changed: bool
    """False when a deploy would find nothing to do."""
    changes: list[Change]
    """What the settings change."""
    drift: list[Drift]
    """What was changed on the cluster since the last revision."""
    replacedPods: list[str]
    """Workloads whose pods are replaced."""
    passwordRestarts: list[str]
    """Components that restart because the RabbitMQ password was changed, in order."""
    notCompared: list[str]
    """Objects that could not be compared with the live ones, because the right to patch them is missing."""
    notes: list[str]
    """What else a deploy would do or meet."""


class DiffRelease(ReleaseName):
    """A Helm release and its newest revision."""

    revision: int | None
    """Number of the newest revision; null when it is not installed."""


class Diff(Document, Difference):
    """What `diff` prints."""

    kind: Literal["Diff"]
    """Kind of this document."""
    release: DiffRelease
    """The release."""
    cluster: Server
    """The cluster that it is on."""


class OperationDurations(TypedDict):
    """How long the parts took; null for one that was not reached."""

    totalSeconds: float | None
    """From the beginning to the end, in seconds."""
    helmSeconds: float | None
    """While Helm was running, in seconds."""
    waitSeconds: float | None
    """Waiting until FogFlow works, in seconds."""


class OperationParts(StatusParts):
    """The state of a release after an operation, and how that ended."""

    result: Result
    """How it ended. rotated: only the RabbitMQ password was changed. left-failed: failed, and left in place."""
    exitCode: int
    """Exit code of the process; docs/cli.md lists them."""
    durations: OperationDurations
    """How long it took."""
    detail: str | None
    """What was done, in a sentence."""
    helmError: str | None
    """Helm's own words, when Helm failed."""
    bundle: str | None
    """Absolute path of the support archive that a failure left."""
    preset: Preset | None
    """The preset that a deploy used."""
    difference: Difference | None
    """With --dry-run: what would change."""


class Operation(Document, OperationParts):
    """What `deploy` and `rollback` print."""

    kind: Literal["Operation"]
    """Kind of this document."""


class DoctorRelease(ReleaseName):
    """A Helm release."""

    installed: bool
    """Whether it is installed."""


class Finding(Cause):
    """A problem, and what `doctor --fix` does about it."""

    fix: str | None
    """What --fix would do; null when it cannot be repaired without your decision."""
    fixed: bool
    """Whether it is repaired."""


class Doctor(Document):
    """What `doctor` prints."""

    kind: Literal["Doctor"]
    """Kind of this document."""
    release: DoctorRelease
    """The release."""
    cluster: Context
    """The cluster that it is on."""
    findings: list[Finding]
    """Every problem."""
    notChecked: list[str]
    """What could not be examined."""
    exitCode: int
    """Exit code of the process: 40 when a problem remains."""


class Collector(TypedDict):
    """One part of a support archive."""

    name: str
    """What it collects."""
    fileCount: int
    """Number of files."""
    errors: list[str]
    """What it could not collect, and why."""


class BundleDocument(Document):
    """What `bundle` prints."""

    kind: Literal["Bundle"]
    """Kind of this document."""
    bundle: str
    """Absolute path of the support archive."""
    sizeBytes: int
    """Size of the archive, in bytes."""
    durationSeconds: float
    """How long it took, in seconds."""
    fileCount: int
    """Number of files in it."""
    maskedCounts: dict[str, int]
    """How many values each rule of masking replaced."""
    warnings: list[str]
    """What is missing or not whole."""
    collectors: list[Collector]
    """Every part."""
