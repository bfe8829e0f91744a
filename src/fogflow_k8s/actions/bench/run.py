"""`bench run`: one scenario after the other, each in a Job of its own; what a run makes is removed, also after Ctrl-C and errors.

The run holds the release's Lease, so that no deploy changes what is measured and no second run adds load. With the Lease, every
object of another run is a leftover of a run that was killed, and is removed first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from fogflow_k8s.actions.bench import flow, generator, leftovers, tasks
from fogflow_k8s.actions.bench.cleanup import removing
from fogflow_k8s.actions.bench.request import BenchRequest
from fogflow_k8s.actions.bench.result import BenchRun, ClusterFacts, ScenarioRun
from fogflow_k8s.actions.bench.usage import Sampler
from fogflow_k8s.actions.lock import hold_lease
from fogflow_k8s.actions.observe import status
from fogflow_k8s.actions.observe.status import Installed
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.preconditions import capacity
from fogflow_k8s.adapters.kubernetes.kubectl import Kubectl
from fogflow_k8s.errors import FogflowError, PreflightFailed, Refused
from fogflow_k8s.model import manifests
from fogflow_k8s.model.bench import capacity as search
from fogflow_k8s.model.bench import manifests as objects
from fogflow_k8s.model.bench.plan import Plan, to_json
from fogflow_k8s.model.bench.scenarios import DISTRIBUTED, Scenario
from fogflow_k8s.model.kubernetes import Obj, spec_of, status_of
from fogflow_k8s.model.placement.quota import Demand, breaches
from fogflow_k8s.model.quantities import amounts
from fogflow_k8s.model.settings.worker_choice import used

_BESIDE_S = 240.0
"""Seconds for the image, the preparation, the warm-up and the removal, beside the load."""


def run(op: Operation, kubectl: Callable[[], Kubectl], request: BenchRequest) -> BenchRun:
    """Measure all scenarios of the request. Raises NotInstalled, Refused, PreflightFailed, Busy, OperationFailed, Interrupted.

    kubectl is needed by the scenarios `task` and `flow`, and to remove what one of them left when it was killed.
    """
    request.require_valid()
    found = _working(op)
    begun = op.today()
    warnings: list[str] = []
    with hold_lease(op):
        if count := leftovers.remove(op):
            op.report.log(f"removed {count} objects of a run that was killed")
        tasks.remove_leftovers(op, kubectl)
        runs = tuple(
            _tasks(op, kubectl(), request, each)
            if each.name == "task"
            else _generated(op, kubectl, found, request, each, f"{request.id}-{number}", warnings)
            for number, each in enumerate(request.scenarios)
        )
    return BenchRun(
        id=request.id,
        release=op.release,
        namespace=op.namespace,
        started=begun.isoformat(timespec="seconds").replace("+00:00", "Z"),
        chart=found.newest.chart or "",
        fogflow=found.newest.app_version or "",
        shards=manifests.replicas(found.objects, "cloud-broker"),
        worker=used(found.objects) or "upstream",
        cluster=_cluster_facts(op),
        scenarios=runs,
        warnings=tuple(warnings),
    )


def _working(op: Operation) -> Installed:
    """The release. Raises NotInstalled, FogflowError on simulated nodes, Refused when the release does not work."""
    if op.simulated:
        raise FogflowError(status.WHY_SIMULATED, hint="fogflow-k8s sandbox up --real", exit_code=40)
    found = status.stored(op)
    if found is None:
        raise status.not_installed(op)
    state = status.status(op).state
    if state != "working":
        raise Refused(
            f"release {op.release} is {state}, and only a release that works is measured: figures of another one mean nothing",
            hint="fogflow-k8s status",
        )
    return found


def _generated(
    op: Operation, kubectl: Callable[[], Kubectl], found: Installed, request: BenchRequest, scenario: Scenario, run_id: str,
    warnings: list[str],
) -> ScenarioRun:  # fmt: skip
    """One scenario in a Job; `run_id` is used once, so that no object or entity of another scenario is taken for one of this."""
    shards = manifests.replicas(found.objects, "cloud-broker")
    plan = plan_of(op, request, scenario, run_id, shards)
    seconds = search.BUDGET_S if plan.find_capacity else plan.duration_s
    seconds += plan.tasks_s if plan.has_tasks else 0.0
    image, secrets = generator.image_of(found.objects, request.image)
    modules = generator.program()
    config_map = objects.config_map(op.release, op.namespace, run_id, to_json(plan), modules)
    job = objects.job(
        op.release,
        op.namespace,
        run_id,
        image=image,
        paths=sorted(modules),
        limit_s=seconds + _BESIDE_S,
        pull_secrets=secrets,
    )
    _require_room(op, config_map, job)
    sampler = Sampler(op, found.objects)
    follower = generator.Follower(op, run_id, scenario.name, seconds + _BESIDE_S, sampler.tick, warnings)
    function = flow.registered(op, kubectl(), plan, request.task_image) if plan.has_tasks else nullcontext()
    with function, removing(op, lambda: leftovers.remove(op)):  # the generator then removes its entities
        op.cluster.create(config_map)
        op.cluster.create(job)
        op.report.step(f"measuring {scenario.name}")
        steps = follower.follow()
    return ScenarioRun(
        scenario.name, request.through, plan.entities, plan.subscribers, plan.limits, plan.find_capacity, steps,
        resources=sampler.result(),
    )  # fmt: skip


def _tasks(op: Operation, kubectl: Kubectl, request: BenchRequest, scenario: Scenario) -> ScenarioRun:
    entities = request.entities or scenario.entities
    load = tasks.TaskLoad(entities, request.task_image or tasks.IMAGE, request.rate, request.timeout_s)
    figures = tasks.measure(op, kubectl, load)
    return ScenarioRun("task", "direct", entities, 0, (), searched=False, tasks=figures)


def plan_of(op: Operation, request: BenchRequest, scenario: Scenario, run_id: str, shards: int) -> Plan:
    """The plan of the generator. Raises PreflightFailed when a Service that it needs is missing."""
    broker, discovery = ("nginx", "nginx") if request.through == "proxy" else ("cloud-broker", "discovery")
    distributed = request.through == "direct" and shards > 1 and scenario.name in DISTRIBUTED
    others = tuple(_url(op, f"cloud-broker-{number}") for number in range(1, shards)) if distributed else ()
    first = _url(op, broker)
    return Plan(
        run=run_id,
        scenario=scenario.name,
        rate=request.rate_of(scenario),
        duration_s=request.duration_of(scenario),
        entities=request.entities or scenario.entities,
        subscribers=request.subscribers_of(scenario),
        broker=first,
        discovery=_url(op, discovery),
        find_capacity=request.find_capacity,
        limits=request.objective,
        accept_notifying=request.accept_notifying,
        tasks_s=request.timeout_s,
        shards=(first, *others) if others else (),
    )


def _url(op: Operation, service: str) -> str:
    found = op.cluster.get("Service", service, op.namespace)
    if found is None:
        raise PreflightFailed(f"there is no Service {service} in namespace {op.namespace}", hint="fogflow-k8s doctor")
    ports = {each.get("name"): each["port"] for each in spec_of(found).get("ports") or []}
    return f"http://{service}:{ports.get('http') or next(iter(ports.values()))}"


def _require_room(op: Operation, config_map: Obj, job: Obj) -> None:
    """Raises PreflightFailed when the pod of the generator fits on no node, or a quota does not admit it."""
    if causes := capacity.unschedulable(op, [job]):
        raise PreflightFailed(f"no room for the load generator: {causes[0].summary}", hint="fogflow-k8s check")
    quotas = op.cluster.list("ResourceQuota", op.namespace)
    ranges = op.cluster.list("LimitRange", op.namespace) if quotas else []
    if lines := breaches(quotas, Demand([config_map, job], limit_ranges=ranges)):
        raise PreflightFailed(
            f"the quotas of namespace {op.namespace} do not admit the load generator: {lines[0]}",
            hint=f"kubectl -n {op.namespace} describe quota",
        )


def _cluster_facts(op: Operation) -> ClusterFacts:
    nodes = op.nodes or ()
    infos: list[Mapping[str, Any]] = [status_of(node).get("nodeInfo") or {} for node in nodes]
    rooms = [amounts(status_of(node).get("allocatable")) for node in nodes]
    return ClusterFacts(
        kubernetes=op.cluster.version,
        nodes=len(nodes),
        cpu=float(sum(room.get("cpu", 0) for room in rooms)),
        memory=float(sum(room.get("memory", 0) for room in rooms)),
        kernels=tuple(sorted({str(info["kernelVersion"]) for info in infos if "kernelVersion" in info})),
        architectures=tuple(sorted({str(info["architecture"]) for info in infos if "architecture" in info})),
    )
