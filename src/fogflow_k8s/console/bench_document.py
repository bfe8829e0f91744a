"""The documents of `bench`, from its results; and reading a saved one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fogflow_k8s.actions.bench.result import BenchRun, ScenarioRun
from fogflow_k8s.actions.bench.tasks import EVERY_S, TaskFigures
from fogflow_k8s.console.schema import API
from fogflow_k8s.model.bench.comparison import Difference
from fogflow_k8s.model.bench.evaluation import Notifications
from fogflow_k8s.model.bench.resources import Resources
from fogflow_k8s.model.bench.scenarios import SCENARIOS
from fogflow_k8s.model.bench.step import Step
from fogflow_k8s.model.task.percentiles import Percentiles

if TYPE_CHECKING:
    from fogflow_k8s.console.schema import bench as schema
    from fogflow_k8s.console.schema import bench_compare, bench_tasks


def run_document(done: BenchRun) -> schema.Bench:
    """The document of `bench run`."""
    return {
        "apiVersion": API,
        "kind": "Bench",
        "id": done.id,
        "startedAt": done.started,
        "ok": done.ok,
        "release": {
            "name": done.release,
            "namespace": done.namespace,
            "chart": done.chart,
            "appVersion": done.fogflow,
            "brokerShards": done.shards,
            "workerImplementation": done.worker,
        },
        "cluster": {
            "kubernetesVersion": done.cluster.kubernetes,
            "nodeCount": done.cluster.nodes,
            "allocatableCpuCores": round(done.cluster.cpu, 3),
            "allocatableMemoryBytes": int(done.cluster.memory),
            "kernels": list(done.cluster.kernels),
            "architectures": list(done.cluster.architectures),
        },
        "warnings": list(done.warnings),
        "runs": [_scenario(run) for run in done.scenarios],
    }


def list_document() -> bench_compare.BenchList:
    """The document of `bench list`."""
    return {
        "apiVersion": API,
        "kind": "BenchList",
        "scenarios": [
            {
                "name": each.name,
                "load": each.load,
                "measured": each.measured,
                "rate": each.rate,
                "durationSeconds": each.duration_s,
                "entityCount": each.entities,
            }
            for each in SCENARIOS
        ],
    }


def compare_document(differences: Sequence[Difference]) -> bench_compare.BenchCompare:
    """The document of `bench compare`."""
    return {
        "apiVersion": API,
        "kind": "BenchCompare",
        "regression": any(each.change == "worse" for each in differences),
        "differences": [
            {
                "scenario": each.scenario,
                "figure": each.figure,
                "before": _rounded(each.before),
                "after": _rounded(each.after),
                "ratio": _rounded(each.ratio),
                "pValue": each.p_value,
                "change": each.change,
            }
            for each in differences
        ],
    }


def _scenario(run: ScenarioRun) -> schema.BenchScenarioRun:
    return {
        "scenario": run.scenario,
        "through": run.through,
        "entityCount": run.entities,
        "subscriberCount": run.subscribers,
        "objective": [str(limit) for limit in run.limits],
        "ok": not (run.invalid or run.violations),
        "violations": run.violations,
        "invalidReason": run.invalid or None,
        "capacity": {"rate": run.capacity} if run.searched else None,
        "rates": [_step(step, run) for step in run.steps],
        "resources": _resources(run.resources),
        "taskFigures": _tasks(run.tasks) if run.tasks else None,
    }


def _step(step: Step, run: ScenarioRun) -> schema.BenchStep:
    found = step.figures
    return {
        "rate": step.rate,
        "durationSeconds": step.duration_s,
        "plannedCount": found.planned,
        "sentCount": found.sent,
        "answeredCount": found.answered,
        "throughput": round(found.throughput, 2),
        "percentilesSeconds": _percentiles(step.percentiles),
        "errorCounts": [{"kind": kind, "count": count} for kind, count in found.errors.items()],
        "histogram": [{"upToSeconds": round(bound, 7), "count": count} for bound, count in found.buckets],
        "course": [
            {
                "second": each.second,
                "sentCount": each.sent,
                "failedCount": each.failed,
                "p50Seconds": _rounded(each.p50),
                "p99Seconds": _rounded(each.p99),
            }
            for each in step.seconds
        ],
        "notifications": _notifications(step.notifications) if step.notifications else None,
        "generatorLateShare": round(found.late_share, 4),
        "invalidReason": found.invalid or None,
        "violations": step.violations(run.limits),
    }


def _percentiles(found: Mapping[str, float | None]) -> schema.BenchPercentiles:
    return {
        "p50": _rounded(found["p50"]),
        "p90": _rounded(found["p90"]),
        "p99": _rounded(found["p99"]),
        "p999": _rounded(found["p99.9"]),
        "max": _rounded(found["max"]),
    }


def _notifications(found: Notifications) -> schema.BenchNotifications:
    return {
        "expectedCount": found.expected,
        "receivedCount": found.received,
        "lostCount": found.lost,
        "doubledCount": found.doubled,
        "lateCount": found.late,
    }


def _resources(found: Resources) -> schema.BenchResources:
    return {
        "readFrom": found.source,
        "missingReason": found.why_missing or None,
        "components": [
            {
                "name": each.component,
                "meanCpuCores": round(each.cpu_mean, 4),
                "maxCpuCores": round(each.cpu_max, 4),
                "cpuLimitCores": each.cpu_limit,
                "maxMemoryBytes": int(each.memory_max),
                "memoryLimitBytes": None if each.memory_limit is None else int(each.memory_limit),
                "samples": [
                    {"atSeconds": round(one.second, 1), "cpuCores": round(one.cpu, 4), "memoryBytes": int(one.memory)}
                    for one in each.samples
                ],
            }
            for each in found.components
        ],
        "limitedBy": found.limited_by or None,
    }


def _tasks(done: TaskFigures) -> bench_tasks.BenchTasks:
    return {
        "ok": done.ok,
        "image": done.image,
        "entityCount": done.entities,
        "publishedCount": done.published,
        "created": _spread(done.created),
        "running": _spread(done.running),
        "durations": {
            "publishSeconds": round(done.publish_s, 2),
            "totalSeconds": round(done.total_s, 2),
            "pollIntervalSeconds": EVERY_S,
        },
        "workers": [{"worker": worker or None, "taskCount": count} for worker, count in sorted(done.workers.items())],
        "missingTasks": [{"reason": why, "taskCount": count} for why, count in done.why_not.items()],
    }


def _spread(found: Percentiles) -> bench_tasks.Spread:
    return {
        "count": found.count,
        "p50Seconds": _seconds(found.p50),
        "p99Seconds": _seconds(found.p99),
        "maxSeconds": _seconds(found.maximum),
    }


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
