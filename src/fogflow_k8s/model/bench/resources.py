"""What the components used during a run, beside their limits, and which of them was the limit. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Source = Literal["metrics.k8s.io", "kubelet", "missing"]
NEAR = 0.9
"""Share of a limit from which on a component counts as limited by it."""


@dataclass(frozen=True)
class Usage:
    """One observation of one pod: CPU in cores, memory in bytes."""

    component: str
    pod: str
    cpu: float
    memory: float


@dataclass(frozen=True)
class Sample:
    """One observation of a component, so many seconds after the first one: CPU in cores, memory in bytes."""

    second: float
    cpu: float
    memory: float


@dataclass(frozen=True)
class ComponentUsage:
    """A component during a run, all of its pods together. Limits are None where the pods have none."""

    component: str
    cpu_mean: float
    cpu_max: float
    memory_max: float
    cpu_limit: float | None
    memory_limit: float | None
    samples: Sequence[Sample] = ()


@dataclass(frozen=True)
class Resources:
    """The usage of all components, and where it was read."""

    source: Source
    components: tuple[ComponentUsage, ...] = ()
    why_missing: str = ""

    @property
    def limited_by(self) -> str:
        """The sentence that names the component that was at a limit; "" when none was."""
        found = []
        for each in self.components:
            if each.cpu_limit and each.cpu_max >= NEAR * each.cpu_limit:
                found.append(f"{each.component} used {each.cpu_max:.2f} of its {each.cpu_limit:g} cores")
            if each.memory_limit and each.memory_max >= NEAR * each.memory_limit:
                share = each.memory_max / each.memory_limit
                found.append(f"{each.component} used {share:.0%} of its memory limit")
        return "; ".join(found)


def summarised(
    source: Source,
    observations: Sequence[tuple[float, Iterable[Usage]]],
    limits: Mapping[str, tuple[float | None, float | None]],
) -> Resources:
    """The usage by component from all observations of a run, each with its time in seconds.

    `limits`: component -> cores and bytes of all its pods.
    """
    series: dict[str, list[Sample]] = {}
    for at_s, observation in observations:
        now: dict[str, Sample] = {}
        for usage in observation:
            known = now.get(usage.component, Sample(at_s, 0.0, 0.0))
            now[usage.component] = Sample(at_s, known.cpu + usage.cpu, known.memory + usage.memory)
        for component, sample in now.items():
            series.setdefault(component, []).append(sample)
    found = [
        ComponentUsage(
            component,
            sum(sample.cpu for sample in samples) / len(samples),
            max(sample.cpu for sample in samples),
            max(sample.memory for sample in samples),
            *limits.get(component, (None, None)),
            samples,
        )
        for component, samples in sorted(series.items())
    ]
    return Resources(source, tuple(found)) if found else Resources("missing", (), "no usage was reported")
