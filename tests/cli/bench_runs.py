"""Results of `bench run` for the tests of its screens, documents and report."""

from fogflow_k8s.actions.bench.result import BenchRun, ClusterFacts, ScenarioRun
from fogflow_k8s.actions.bench.tasks import TaskFigures
from fogflow_k8s.model.bench.evaluation import evaluate, notifications
from fogflow_k8s.model.bench.resources import ComponentUsage, Resources, Sample
from fogflow_k8s.model.bench.slo import parse
from fogflow_k8s.model.bench.step import Step
from fogflow_k8s.model.task.percentiles import percentiles
from tests.unit.model.bench.server import BEGIN, hits, served

CLUSTER = ClusterFacts("v1.37.0", 3, 11.7, 24e9, ("6.12.0",), ("amd64",))
MIB = 2**20
SAMPLES = [Sample(0.0, 0.1, 90.0 * MIB), Sample(5.0, 1.95, 100.0 * MIB), Sample(10.0, 0.35, 95.0 * MIB)]
USED = Resources(
    "kubelet",
    (
        ComponentUsage("cloud-broker", 0.8, 1.95, 100.0 * MIB, 2.0, 512.0 * MIB, SAMPLES),
        ComponentUsage("master", 0.01, 0.02, 30.0 * MIB, None, None),
    ),
)
MISSING = Resources("missing", (), "metrics.k8s.io is not installed")


def _latency(n):
    return 0.02 + 0.001 * (n * 7 % 11) + (0.2 if n % 97 == 5 else 0.0)


def _figures(count=500):
    return evaluate(hits(50, count, _latency), 50, 10)


def _step(rate, limit=500):
    return Step(rate, 10, evaluate(served(rate, 10, limit), rate, 10))


def _run(*scenarios, warnings=()):
    return BenchRun(
        "3f09aa12", "fogflow", "city", "2026-01-01T03:00:00Z", "fogflow-chart-1.0.0", "3.2.8", 1, "native", CLUSTER, scenarios, warnings
    )  # fmt: skip


_ARRIVED = [(0, n, BEGIN + n / 50 + 0.03) for n in range(500) if n % 100]
NOTIFY = Step(50, 10, _figures(), notifications(_figures(), 50, [*_ARRIVED, _ARRIVED[0]], subscribers=1, late_s=1.0))
TASKS = {
    "all": TaskFigures("bench-1", "x:1", 2, 2, 0.5, 3.0, percentiles([0.25, 0.5]), percentiles([1.0, 2.0]), {"Worker.001": 2}, {}),
    "some": TaskFigures(
        "bench-1", "x:1", 3, 3, 0.5, 120.0, percentiles([0.25]), percentiles([]), {"": 1}, {"pending: no node has room": 1, "no task was made": 2}
    ),
}  # fmt: skip
RUNS = {
    "update": _run(ScenarioRun("update", "direct", 100, 0, parse("p99=300ms"), False, [Step(50, 10, _figures())], resources=USED)),
    "notify": _run(ScenarioRun("notify", "direct", 100, 1, (), False, [NOTIFY], resources=MISSING), warnings=("others publish",)),
    "flow": _run(ScenarioRun("flow", "direct", 10, 1, (), False, [NOTIFY], resources=USED)),
    "invalid": _run(ScenarioRun("update", "proxy", 100, 0, (), False, [Step(50, 10, _figures(300))], resources=MISSING)),
    "capacity": _run(
        ScenarioRun("update", "direct", 100, 0, parse("p99=100ms"), True, [_step(rate) for rate in (200, 400, 800, 566, 476)], resources=USED)
    ),
    "task-all": _run(ScenarioRun("task", "direct", 2, 0, (), False, tasks=TASKS["all"], resources=MISSING)),
    "task-some": _run(ScenarioRun("task", "direct", 3, 0, (), False, tasks=TASKS["some"], resources=MISSING)),
}  # fmt: skip
