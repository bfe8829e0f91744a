"""Types of the documents of `bench compare` and `bench list`."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict  # of pydantic, which accepts typing's own only since Python 3.12

from fogflow_k8s.console.schema.common import Document
from fogflow_k8s.model.bench.comparison import Change


class BenchDifference(TypedDict):
    """One figure of one scenario in both sets of runs."""

    scenario: str
    """Scenario and rate."""
    figure: str
    """p50, p99 (seconds), throughput, capacity (per second), failed, lost (shares)."""
    before: float | None
    """Median of the first file; null when it does not have the figure."""
    after: float | None
    """Median of the second file; null when it does not have the figure."""
    ratio: float | None
    """after divided by before."""
    pValue: float | None
    """Of the Mann-Whitney U test; null with too few samples."""
    change: Change
    """Whether it changed beyond the noise of the runs. unknown: a file does not have it."""


class BenchCompare(Document):
    """What `bench compare` prints."""

    kind: Literal["BenchCompare"]
    """Kind of this document."""
    regression: bool
    """Whether a figure became worse."""
    differences: list[BenchDifference]
    """All figures that were compared."""


class BenchScenario(TypedDict):
    """A scenario that `bench run` accepts."""

    name: str
    """Name of the scenario."""
    load: str
    """What it sends."""
    measured: str
    """What it measures."""
    rate: float
    """Default rate, in requests per second; 0: as fast as possible."""
    durationSeconds: float
    """Default duration of a step, in seconds."""
    entityCount: int
    """Default number of entities."""


class BenchList(Document):
    """What `bench list` prints."""

    kind: Literal["BenchList"]
    """Kind of this document."""
    scenarios: list[BenchScenario]
    """The scenarios."""
