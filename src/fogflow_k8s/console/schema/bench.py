"""Types of the document of `bench run`."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict  # of pydantic, which accepts typing's own only since Python 3.12

from fogflow_k8s.console.schema.bench_tasks import BenchTasks
from fogflow_k8s.console.schema.common import Document
from fogflow_k8s.model.bench.resources import Source
from fogflow_k8s.model.settings.worker_choice import Implementation


class BenchPercentiles(TypedDict):
    """Percentiles since the planned time of the request, in seconds; null without an answer."""

    p50: float | None
    """Median."""
    p90: float | None
    """90th percentile."""
    p99: float | None
    """99th percentile."""
    p999: float | None
    """99.9th percentile."""
    max: float | None
    """Longest."""


class Bucket(TypedDict):
    """A part of a histogram."""

    upToSeconds: float
    """Upper bound, in seconds; the bound of the bucket before is the lower one."""
    count: int
    """Number of requests."""


class ErrorCount(TypedDict):
    """Requests that failed in the same way."""

    kind: str
    """How they failed, as `timeout` or `HTTP 503`."""
    count: int
    """Number of requests."""


class SecondOfStep(TypedDict):
    """One second of a step, by the planned time of the requests."""

    second: int
    """Seconds since the beginning of the step."""
    sentCount: int
    """Number of requests, or of expected notifications where these are measured."""
    failedCount: int
    """Number of those that failed, or were lost."""
    p50Seconds: float | None
    """Median, in seconds."""
    p99Seconds: float | None
    """99th percentile, in seconds."""


class BenchNotifications(TypedDict):
    """What arrived at the subscribers: notifications of the updates, or outputs of tasks (flow)."""

    expectedCount: int
    """Number of updates that the broker accepted, times the subscribers."""
    receivedCount: int
    """Number of those that arrived."""
    lostCount: int
    """Number of those that did not arrive within three seconds after the last update."""
    doubledCount: int
    """Number of repetitions."""
    lateCount: int
    """Number of those that arrived more than a second after the planned time of the update."""


class BenchStep(TypedDict):
    """A scenario at one rate."""

    rate: float
    """Planned requests per second."""
    durationSeconds: float
    """Planned duration, in seconds."""
    plannedCount: int
    """Number of planned requests."""
    sentCount: int
    """Number of requests that were sent."""
    answeredCount: int
    """Number of requests that were answered without an error."""
    throughput: float
    """Answers without an error per second."""
    percentilesSeconds: BenchPercentiles
    """Percentiles of what the scenario measures: answers, or notifications (notify, flow)."""
    errorCounts: list[ErrorCount]
    """Requests that failed."""
    histogram: list[Bucket]
    """Latencies of the answers."""
    course: list[SecondOfStep]
    """The course of the step."""
    notifications: BenchNotifications | None
    """Notifications; null where none are measured."""
    generatorLateShare: float
    """Share of the requests that the generator sent late."""
    invalidReason: str | None
    """Why the figures mean nothing; null when they are valid."""
    violations: list[str]
    """Why the step does not hold; empty when it holds."""


class BenchCapacity(TypedDict):
    """The result of a search."""

    rate: float | None
    """Highest rate that held, in requests per second; null when none did."""


class BenchSample(TypedDict):
    """One observation of a component, all of its pods together."""

    atSeconds: float
    """Seconds since the first observation."""
    cpuCores: float
    """CPU, in cores."""
    memoryBytes: int
    """Memory, in bytes."""


class BenchComponent(TypedDict):
    """What the pods of a component used during the run."""

    name: str
    """Name of the component."""
    meanCpuCores: float
    """Mean CPU, in cores."""
    maxCpuCores: float
    """Highest observed CPU, in cores."""
    cpuLimitCores: float | None
    """CPU limit of all its pods; null without a limit."""
    maxMemoryBytes: int
    """Highest observed memory, in bytes."""
    memoryLimitBytes: int | None
    """Memory limit of all its pods; null without a limit."""
    samples: list[BenchSample]
    """The observations."""


class BenchResources(TypedDict):
    """Resource use during the run."""

    readFrom: Source
    """Where it was read."""
    missingReason: str | None
    """Why it is missing; null when it was read."""
    components: list[BenchComponent]
    """The components."""
    limitedBy: str | None
    """The components that were near a limit, in one sentence; null when none was."""


class BenchScenarioRun(TypedDict):
    """One scenario of a run."""

    scenario: str
    """Name of the scenario."""
    through: str
    """direct: to the Services of broker and discovery. proxy: through the reverse proxy."""
    entityCount: int
    """Number of entities."""
    subscriberCount: int
    """Number of subscribers."""
    objective: list[str]
    """The limits of --slo."""
    ok: bool
    """Whether it is valid and holds."""
    violations: list[str]
    """Why it does not hold."""
    invalidReason: str | None
    """Why its figures mean nothing; null when they are valid."""
    capacity: BenchCapacity | None
    """The result of --find-capacity; null without it."""
    rates: list[BenchStep]
    """The rates that were tried; none for the scenario task."""
    resources: BenchResources
    """Resource use during the scenario."""
    taskFigures: BenchTasks | None
    """The figures of the scenario task; null for the others."""


class BenchCluster(TypedDict):
    """The cluster that was measured."""

    kubernetesVersion: str
    """Version of the API server."""
    nodeCount: int
    """Number of nodes."""
    allocatableCpuCores: float
    """Allocatable CPU of all nodes, in cores."""
    allocatableMemoryBytes: int
    """Allocatable memory of all nodes, in bytes."""
    kernels: list[str]
    """Kernel versions of the nodes."""
    architectures: list[str]
    """Processor architectures of the nodes."""


class BenchRelease(TypedDict):
    """The release that was measured, with the settings that decide what it carries."""

    name: str
    """Name of the Helm release."""
    namespace: str
    """Namespace of the release."""
    chart: str
    """Chart and version."""
    appVersion: str
    """Version of FogFlow."""
    brokerShards: int
    """Number of broker shards."""
    workerImplementation: Implementation
    """Implementation of the worker."""


class Bench(Document):
    """What `bench run` prints, and --save writes."""

    kind: Literal["Bench"]
    """Kind of this document."""
    id: str
    """Id of the run."""
    startedAt: str
    """When it began."""
    ok: bool
    """Whether every scenario is valid and holds."""
    release: BenchRelease
    """The release."""
    cluster: BenchCluster
    """The cluster."""
    warnings: list[str]
    """What may have changed the figures."""
    runs: list[BenchScenarioRun]
    """The scenarios, in the order of the command line."""
