"""`bench run` with a release, its cluster and the generator's pod in memory."""

import contextlib
import subprocess
import sys

import pytest

from fogflow_k8s.actions.bench import leftovers
from fogflow_k8s.actions.bench.request import BenchRequest
from fogflow_k8s.actions.bench.run import run
from fogflow_k8s.actions.doctor.inspections import inspect_release
from fogflow_k8s.actions.release import uninstall
from fogflow_k8s.errors import (
    Busy,
    ClusterError,
    FogflowError,
    Interrupted,
    NotInstalled,
    OperationFailed,
    PreflightFailed,
    Refused,
    UsageError,
)
from fogflow_k8s.model.bench.slo import parse
from tests.unit.actions.bench.generator import IMAGE, PROGRESS, Generator, step
from tests.unit.actions.world import HOME

BUDGET_S = 60


def measure(world, *names, **more):
    """The result of one run."""
    return run(world.op(), None, BenchRequest(names or ("update",), image=IMAGE, id=more.pop("id", "r1"), **more))


def test_a_run_measures_and_removes_everything(kept):
    generator = Generator(kept)
    done = measure(kept)
    (scenario,) = done.scenarios
    assert done.ok
    assert scenario.steps[0].percentiles["p50"] == pytest.approx(0.02, abs=1e-6)
    assert generator.left() == []
    assert kept.holder == ""
    assert kept.reported("update at 50/s: p50 20.0 ms, p99 21.0 ms, 0 failed; seconds 1/2")
    assert kept.reported("preparing 100 entities")


def test_the_plan_has_the_scenarios_defaults_and_the_services(kept):
    generator = Generator(kept)
    measure(kept)
    (plan,) = generator.plans
    assert (plan["rate"], plan["duration_s"], plan["entities"], plan["subscribers"]) == (50, 60, 100, 0)
    assert (plan["broker"], plan["discovery"]) == ("http://cloud-broker:8070", "http://discovery:8070")


def test_options_replace_the_defaults(kept):
    generator = Generator(kept)
    measure(kept, "notify", rate=7, duration_s=9, entities=5, subscribers=3, through="proxy", limits=parse("p99=1s"))
    (plan,) = generator.plans
    assert (plan["rate"], plan["duration_s"], plan["entities"], plan["subscribers"]) == (7, 9, 5, 3)
    assert plan["broker"] == plan["discovery"] == "http://nginx:8070"
    assert plan["limits"] == [{"figure": "p99", "limit_s": 1.0}]


@pytest.fixture
def sharded(kept):
    """The release has two shards of the broker."""
    kept.deploy({"keeper": {"enabled": True}, "broker": {"shards": 2, "acceptNotificationLoops": True}}, force=True)
    kept.clock.sleep(1)
    service = {"kind": "Service", "metadata": {"name": "cloud-broker-1", "namespace": HOME}, "spec": {"ports": [{"name": "http", "port": 8070}]}}  # fmt: skip
    kept.cluster.put(service)
    return kept, Generator(kept)


def test_the_entities_are_distributed_over_the_shards(sharded):
    kept, generator = sharded
    measure(kept, "update", "notify")
    update, notify = generator.plans
    assert update["shards"] == ["http://cloud-broker:8070", "http://cloud-broker-1:8070"]
    assert notify["shards"] == []
    measure(kept, "update", through="proxy", id="r2")
    assert generator.plans[-1]["shards"] == []


def test_several_scenarios_run_one_after_the_other_under_names_of_their_own(kept):
    generator = Generator(kept)
    done = measure(kept, "update", "update", "query")
    assert [each.scenario for each in done.scenarios] == ["update", "update", "query"]
    assert [plan["run"] for plan in generator.plans] == ["r1-0", "r1-1", "r1-2"]
    assert generator.left() == []


def test_the_pod_of_the_generator_is_restricted_limited_and_has_no_token(kept):
    generator = Generator(kept)
    measure(kept)
    spec = generator.jobs[0]["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert (spec["backoffLimit"], spec["ttlSecondsAfterFinished"]) == (0, 600)
    assert spec["activeDeadlineSeconds"] == 300
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert container["resources"]["limits"] == {"cpu": "1", "memory": "512Mi"}
    labels = spec["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/name"] == labels["app.kubernetes.io/component"] == "bench"


def test_the_program_in_the_config_map_is_complete(kept, tmp_path, monkeypatch):
    """Every module that the generator imports is in the volume: it starts from the mounted files alone."""
    made = []
    real = kept.cluster.create
    monkeypatch.setattr(kept.cluster, "create", lambda obj, **more: (made.append(obj), real(obj, **more))[1])
    Generator(kept)
    measure(kept)
    config_map, job = (next(o for o in made if o["kind"] == kind) for kind in ("ConfigMap", "Job"))
    for item in job["spec"]["template"]["spec"]["volumes"][0]["configMap"]["items"]:
        path = tmp_path / item["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(config_map["data"][item["key"]])
    code = "import fogflow_k8s.loadgen.__main__ as m, fogflow_k8s; print(fogflow_k8s.__file__)"
    shown = subprocess.run([sys.executable, "-S", "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True)  # fmt: skip
    assert shown.stdout.startswith(str(tmp_path))
    assert sum(len(text) for text in config_map["data"].values()) < 500_000, "a ConfigMap holds a mebibyte"


def test_a_search_finds_the_highest_rate_below_the_first_that_failed(kept):
    Generator(kept, {"result": [step(50), step(100), step(200, count=10), step(150, count=10), step(120)]})
    (scenario,) = measure(kept, find_capacity=True).scenarios
    assert scenario.capacity == 120
    assert scenario.best.rate == 120
    assert scenario.violations == []


def test_a_search_has_an_objective_in_any_case(kept):
    generator = Generator(kept)
    measure(kept, find_capacity=True)
    assert generator.plans[0]["limits"] == [{"figure": "p99", "limit_s": 1.0}]
    measure(kept, find_capacity=True, limits=parse("p50=1ms"))
    assert generator.plans[1]["limits"] == [{"figure": "p50", "limit_s": 0.001}]


def test_a_node_that_does_not_answer_for_a_moment_ends_no_run(kept, monkeypatch):
    real, calls = kept.cluster.logs, []

    def logs(*given, **more):
        calls.append(given)
        if len(calls) == 1:
            raise ClusterError("the kubelet does not answer", status=502)
        return real(*given, **more)

    monkeypatch.setattr(kept.cluster, "logs", logs)
    Generator(kept)
    assert measure(kept).ok


def test_an_invalid_step_makes_the_run_invalid(kept):
    Generator(kept, {"result": [step(count=10)]})
    done = measure(kept)
    assert not done.ok
    assert done.scenarios[0].invalid == "the generator sent 10 of 100 planned requests"


def test_a_release_that_does_not_work_is_refused(kept):
    generator = Generator(kept)
    kept.keeper("degraded")
    kept.clock.sleep(1)
    with pytest.raises(Refused, match="is degraded, and only a release that works is measured"):
        measure(kept)
    assert generator.jobs == []


def test_without_a_release_nothing_is_measured(world):
    with pytest.raises(NotInstalled):
        measure(world)


def test_another_operation_is_waited_for_in_vain(kept):
    Generator(kept)
    kept.always.append(kept.take_lease)
    kept.take_lease()
    with pytest.raises(Busy):
        measure(kept)


def test_the_upstream_workers_image_is_no_image_for_the_generator(kept):
    Generator(kept)
    with pytest.raises(PreflightFailed, match="neither Python nor vegeta") as caught:
        run(kept.op(), None, BenchRequest(("update",)))
    assert "fogflow-k8s images build --with-bench" in caught.value.hint


def test_a_quota_that_does_not_admit_the_generator_is_named_before_anything_is_made(kept):
    generator = Generator(kept)
    quota = {
        "kind": "ResourceQuota",
        "metadata": {"name": "q", "namespace": HOME},
        "spec": {"hard": {"requests.cpu": "100m"}},
    }
    kept.cluster.put(quota)
    with pytest.raises(PreflightFailed, match=r"do not admit the load generator: quota q, requests\.cpu"):
        measure(kept)
    assert generator.jobs == []


def test_an_image_that_cannot_be_pulled_is_the_error(kept):
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image: not found"}}
    statuses = [{"name": "bench", "ready": False, "restartCount": 0, "state": waiting}]
    generator = Generator(kept, pod_status={"phase": "Pending", "containerStatuses": statuses})
    with pytest.raises(PreflightFailed, match="the load generator cannot start"):
        measure(kept)
    assert generator.left() == []


def test_a_generator_that_ends_without_a_result_is_the_error(kept):
    ended = [{"name": "bench", "state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]
    generator = Generator(kept, PROGRESS, pod_status={"phase": "Failed", "containerStatuses": ended})
    with pytest.raises(OperationFailed, match="ended without a result: OOMKilled"):
        measure(kept)
    assert generator.left() == []


def test_the_generators_own_error_is_shown(kept):
    Generator(kept, {"error": "the image has no program vegeta"})
    with pytest.raises(OperationFailed, match="has no program vegeta"):
        measure(kept)


def test_subscribers_of_others_need_consent(kept):
    generator = Generator(
        kept, {"error": "subscribers of others would be notified: 2 subscriptions are to entities of every type"}
    )
    with pytest.raises(Refused, match="2 subscriptions") as caught:
        measure(kept)
    assert "--yes" in caught.value.hint
    assert generator.plans[0]["accept_notifying"] is False


def test_foreign_traffic_is_a_warning_of_the_result(kept):
    Generator(kept, {"warn": "others publish"}, {"result": [step()]})
    assert measure(kept).warnings == ("others publish",)


def test_a_generator_that_prints_nothing_is_given_up(kept):
    generator = Generator(kept, PROGRESS, pod_status={"phase": "Running"})
    with pytest.raises(OperationFailed, match="printed no result") as caught:
        measure(kept)
    assert caught.value.exit_code == 30
    assert generator.left() == []


def _at_call(world, number, error):
    """Raise the error at the call with this number, counted from now."""
    calls = []

    def hook(*call):
        calls.append(call)
        if len(calls) == number:
            raise error

    world.cluster.hooks.append(hook)


CALLS = range(1, 37)
"""A run makes 36 calls to the API server."""


@pytest.mark.no_cover  # the same lines many times
@pytest.mark.parametrize("number", CALLS)
def test_ctrl_c_at_any_instant_leaves_nothing(kept, number):
    generator = Generator(kept)
    before = set(kept.cluster.objects)
    _at_call(kept, number, KeyboardInterrupt())
    with contextlib.suppress(Interrupted, KeyboardInterrupt):
        measure(kept)
    assert generator.left() == []
    assert {key for key in set(kept.cluster.objects) - before if key[0] != "Lease"} == set()


def test_a_failure_of_the_api_server_removes_what_was_made(kept):
    generator = Generator(kept)
    kept.cluster.refuse("create", "Job", 500, times=1)
    with pytest.raises(ClusterError):
        measure(kept)
    assert generator.left() == []


def test_what_cannot_be_removed_is_said_and_the_first_error_stays(kept):
    Generator(kept)
    kept.cluster.refuse("create", "Job", 500)
    kept.cluster.refuse("delete", "ConfigMap", 503)
    with pytest.raises(ClusterError, match="refused by the test"):
        measure(kept)
    assert kept.reported("not everything could be removed")


class Killed(BaseException):
    """SIGKILL: nothing of the process runs any more."""


@pytest.mark.no_cover  # the same lines many times
@pytest.mark.parametrize("number", CALLS)
def test_after_a_kill_at_any_instant_the_next_run_leaves_nothing(kept, number):
    generator = Generator(kept)
    calls = []

    def hook(*call):
        calls.append(call)
        if len(calls) >= number:
            raise Killed

    kept.cluster.hooks.append(hook)
    with pytest.raises(Killed):
        measure(kept, id="killed")
    kept.cluster.hooks.remove(hook)
    kept.clock.sleep(60)  # the Lease of the killed process expires
    assert measure(kept, id="next").ok
    assert generator.left() == []
    assert leftovers.find(kept.op()) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"names": ("nosuch",)}, "no scenario nosuch: allowed are update, ngsi-ld"),
        ({"names": ("update",), "rate": 20_000, "duration_s": 60}, "at most 300000 requests"),
        ({"names": ("update",), "duration_s": 4000}, "at most 3600 seconds"),
        ({"names": ("notify",), "rate": 100, "subscribers": 6}, "at most 500 notifications per second"),
        ({"names": ("task",), "find_capacity": True}, "the scenario task has none"),
        ({"names": ("task",), "through": "proxy"}, "through the reverse proxy"),
    ],
)
def test_a_request_that_cannot_be(given, message):
    with pytest.raises(UsageError, match=message):
        BenchRequest(**given).require_valid()


def test_simulated_nodes_are_not_measured(kept):
    node = next(o for (kind, _, _), o in kept.cluster.objects.items() if kind == "Node")
    node["metadata"].setdefault("labels", {})["fogflow-k8s.io/simulated"] = "true"
    with pytest.raises(FogflowError, match="simulated"):
        measure(kept)


def _killed(world):
    """A run that was killed after it had created its objects."""
    for kind in leftovers.KINDS:
        labels = {"app.kubernetes.io/instance": "fogflow", "app.kubernetes.io/component": "bench"}
        world.cluster.put(
            {"kind": kind, "metadata": {"name": "fogflow-bench-old", "namespace": HOME, "labels": labels}}
        )


def test_the_doctor_names_what_a_killed_run_left(kept):
    _killed(kept)
    (found,) = inspect_release(kept.op()).findings
    assert found.cause.id == "FK-7018"
    assert found.cause.evidence == ("Job/fogflow-bench-old", "ConfigMap/fogflow-bench-old")


def test_the_doctor_says_nothing_of_a_run_in_progress(kept):
    _killed(kept)
    kept.take_lease()
    kept.always.append(kept.take_lease)  # its holder renews it
    assert "FK-7018" not in {each.cause.id for each in inspect_release(kept.op()).findings}


def test_an_uninstall_lists_and_removes_what_a_killed_run_left(kept):
    _killed(kept)
    assert "Job/fogflow-bench-old" in uninstall.plan(kept.op()).removed
    uninstall.uninstall(kept.op(), delete_data=False, timeout_s=60)
    assert leftovers.find(kept.op()) == []


def test_an_uninstall_goes_on_without_the_permission_to_list_jobs(kept):
    kept.cluster.refuse("list", "Job")
    assert uninstall.plan(kept.op()).installed
    uninstall.uninstall(kept.op(), delete_data=False, timeout_s=60)


def test_a_generator_that_fits_on_no_node_is_not_made(kept):
    generator = Generator(kept)
    for (kind, _, _), node in kept.cluster.objects.items():
        if kind == "Node":
            node["status"]["allocatable"]["cpu"] = "100m"
    with pytest.raises(PreflightFailed, match="no room for the load generator"):
        measure(kept)
    assert generator.jobs == []
