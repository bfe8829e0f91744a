"""The resource use during a run: from metrics.k8s.io, else from the kubelets, else missing."""

from fogflow_k8s.actions.bench.usage import EVERY_S, Sampler
from fogflow_k8s.model.bench.resources import ComponentUsage, Resources, Sample
from tests.unit.actions.world import HOME

BUDGET_S = 15


def sampled(world, seconds=11):
    """What a run of so many seconds reads."""
    sampler = Sampler(world.op(), [_workload("cloud-broker", {"cpu": "2", "memory": "512Mi"}), _workload("master", {})])
    for _ in range(seconds):
        sampler.tick()
        world.clock.sleep(1)
    return sampler.result()


def _workload(name, limits):
    labels = {"app.kubernetes.io/component": name}
    pod = {"containers": [{"name": name, "image": "x", "resources": {"limits": limits}}]}
    spec = {"replicas": 1, "template": {"spec": pod, "metadata": {"labels": labels}}}
    return {"kind": "Deployment", "metadata": {"name": name, "labels": labels}, "spec": spec}


def _kubelet(world, cores, memory):
    """Let the node's kubelet report this for each pod of the release."""
    real = world.cluster.get

    def get(kind, name, namespace=""):
        if not name.endswith("/proxy/stats/summary"):
            return real(kind, name, namespace)
        assert (kind, name) == ("Node", "one/proxy/stats/summary")
        pods = [pod for (kind, where, pod) in world.cluster.objects if kind == "Pod" and where == HOME]
        figures = {"cpu": {"usageNanoCores": cores * 1e9}, "memory": {"workingSetBytes": memory}}
        return {"pods": [{"podRef": {"namespace": HOME, "name": pod}, **figures} for pod in pods]}

    world.cluster.get = get


def _metrics(world, cpu, memory):
    for pod in sorted(world.pods("cloud-broker")):
        usage = [{"name": "c", "usage": {"cpu": cpu, "memory": memory}}]
        world.cluster.put({"kind": "PodMetrics", "metadata": {"name": pod, "namespace": HOME}, "containers": usage})


def test_the_metrics_api_is_asked_first(kept):
    _metrics(kept, "2", "100Mi")
    found = sampled(kept)
    assert found.source == "metrics.k8s.io"
    samples = [Sample(second, 2.0, 100 * 2**20) for second in (0, 5, 10)]
    assert found.components == (ComponentUsage("cloud-broker", 2.0, 2.0, 100 * 2**20, 2.0, 512 * 2**20, samples),)
    assert found.limited_by == "cloud-broker used 2.00 of its 2 cores"


def test_without_a_metrics_api_the_kubelets_are_asked(kept):
    kept.cluster.refuse("list", "PodMetrics", 404)
    _kubelet(kept, 0.5, 480 * 2**20)
    found = sampled(kept)
    broker = next(each for each in found.components if each.component == "cloud-broker")
    assert found.source == "kubelet"
    assert (broker.cpu_mean, broker.cpu_limit) == (0.5, 2.0)
    assert found.limited_by == "cloud-broker used 94% of its memory limit"
    assert next(each for each in found.components if each.component == "master").cpu_limit is None


def test_without_both_it_is_missing_and_says_why(kept):
    kept.cluster.refuse("list", "PodMetrics", 404)
    kept.cluster.refuse("get", "Node", 403)
    found = sampled(kept, seconds=30)
    assert (found.source, found.components) == ("missing", ())
    assert "forbidden" in found.why_missing
    assert found.limited_by == ""
    assert len([call for call in kept.cluster.calls if call[:2] == ("list", "PodMetrics")]) == 1, (
        "it is not asked again"
    )


def test_a_short_run_has_no_figures():
    class Op:
        pass

    assert Sampler(Op(), []).result() == Resources("missing", (), "the run was too short to read it")


def test_it_reads_every_few_seconds_only(kept):
    _metrics(kept, "1", "1Mi")
    sampled(kept, seconds=11)
    assert len([call for call in kept.cluster.calls if call[:2] == ("list", "PodMetrics")]) == 1 + 10 // EVERY_S
