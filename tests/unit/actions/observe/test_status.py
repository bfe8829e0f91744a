"""The state of a release: read without helm, from each of Helm's stores, and watched while the API server stops answering."""

import itertools

import pytest

from fogflow_k8s.actions.doctor.doctor import examine
from fogflow_k8s.actions.observe import status
from fogflow_k8s.actions.observe.history import history
from fogflow_k8s.errors import ClusterError, NotInstalled
from tests.unit.actions.world import BAD, HOME, RELEASE, RIVAL

BUDGET_S = 6


def looks(world, count, **more):
    return itertools.islice(status.watch(world.op(**more), world.reporter, every_s=2.0), count)


@pytest.mark.parametrize("read", [status.status, lambda op: status.wait(op, timeout_s=60), history, examine])
def test_what_only_reads_starts_no_helm(deployed, read):
    deployed.forget()
    assert read(deployed.op())
    assert deployed.programs.started == []


def test_what_is_stored_is_what_helm_says(deployed):
    deployed.deploy({"replicaCount": 3})
    op = deployed.op()
    told, stored = status.installed(op), status.stored(op)
    assert [(r.number, r.status, r.chart, r.verified) for r in stored.history] == [
        (r.number, r.status, r.chart, r.verified) for r in told.history
    ]
    assert (stored.objects, stored.record) == (told.objects, told.record)


def test_releases_outside_the_cluster_are_asked_of_helm(deployed, monkeypatch):
    monkeypatch.setenv("HELM_DRIVER", "sql")
    deployed.forget()
    assert status.status(deployed.op()).revision.number == 1
    assert [verb for verb, _ in deployed.programs.started] == ["history", "get-manifest"]


@pytest.mark.parametrize("driver", ["", "secret", "secrets"])
def test_no_release_is_told_as_such(world, monkeypatch, driver):
    monkeypatch.setenv("HELM_DRIVER", driver)
    for read in (status.status, history, lambda op: next(status.watch(op, world.reporter, every_s=1))):
        with pytest.raises(NotInstalled):
            read(world.op())


@pytest.mark.parametrize("code", [0, 408, 429, 500, 503])
def test_a_watch_goes_on_when_the_server_answers_again_and_says_since_when_it_did_not(deployed, code):
    seen = looks(deployed, 3)
    assert next(seen).state == "unverified"
    deployed.reporter.lines.clear()
    deployed.cluster.refuse("", "", code)
    deployed.at(31, deployed.cluster.hooks.clear)
    since = deployed.op().today()
    assert next(seen).state == "unverified"
    away, back = deployed.reporter.lines
    assert (
        f"the API server has not answered since {since.replace(second=since.second + 2):%H:%M:%S} UTC: refused by the test"
        in away
    )
    assert "trying again every 2 s" in away
    assert back.startswith("the API server answers again, after 3")
    deployed.reporter.lines.clear()
    assert next(seen).state == "unverified"
    assert deployed.reporter.lines == []


def test_a_watch_may_begin_while_the_server_is_away(deployed):
    deployed.cluster.refuse("", "", 0)
    deployed.at(10, deployed.cluster.hooks.clear)
    assert next(looks(deployed, 1)).state == "unverified"
    assert len(deployed.reporter.lines) == 2


@pytest.mark.parametrize("code", [400, 401, 403, 404, 422])
@pytest.mark.parametrize("first", [True, False])
def test_a_refusal_ends_a_watch(deployed, code, first):
    seen = looks(deployed, 2)
    if not first:
        next(seen)
    deployed.cluster.refuse("", "Deployment", code)
    with pytest.raises(ClusterError) as told:
        next(seen)
    assert told.value.status == code


def test_a_watch_reads_a_release_again_only_when_it_has_changed(deployed):
    seen = looks(deployed, 3)
    next(seen)
    deployed.cluster.calls.clear()
    next(seen)
    secrets = [call for call in deployed.cluster.calls if call[1] == "Secret"]
    assert len(secrets) == 1  # the labels
    deployed.programs.set_status(1, "failed")
    assert next(seen).revision.status == "failed"


def test_a_release_that_goes_ends_a_watch(deployed):
    seen = looks(deployed, 2)
    next(seen)
    deployed.cluster.remove("Secret", f"sh.helm.release.v1.{RELEASE}.v1", HOME)
    with pytest.raises(NotInstalled):
        next(seen)


def test_the_report_has_the_addresses_that_only_the_cluster_knows(deployed):
    service = deployed.object("Service", "nginx")
    service["spec"] = {"type": "LoadBalancer", "ports": [{"port": 80}]}
    deployed.programs.revisions[0]["objects"] = [dict(service)]
    deployed.programs.set_status(1, "deployed")
    assert status.status(deployed.op()).urls == ()
    service["status"] = {"loadBalancer": {"ingress": [{"hostname": "x.example.org"}]}}
    assert status.status(deployed.op()).urls == ("http://x.example.org/index.html",)


def test_an_operation_of_somebody_else_is_told_with_its_command(deployed):
    assert status.status(deployed.op()).operation is None
    deployed.take_lease()
    seen = status.status(deployed.op())
    assert (seen.operation.holder, seen.state) == (RIVAL, "unverified")
    deployed.cluster.refuse("get", "Lease")
    assert status.status(deployed.op()).operation is None, "who may not read it is told the rest"


def test_where_the_newest_revision_never_worked_the_cause_tells_the_way_back(deployed):
    deployed.deploy({"nginx": {"image": {"tag": BAD}}}, wait=False)
    deployed.clock.sleep(10)
    back = f"to return to revision 1, which worked: fogflow-k8s rollback -n {HOME}"
    assert status.status(deployed.op()).assessment.causes[0].advice[-1] == back
    deployed.take_lease()
    assert back not in status.status(deployed.op()).assessment.causes[0].advice, "the operation goes back by itself"


def test_a_first_revision_and_one_that_has_worked_have_no_way_back(world):
    world.deploy({"nginx": {"image": {"tag": BAD}}}, wait=False)
    world.clock.sleep(10)
    assert "rollback" not in str(status.status(world.op()).assessment.causes[0].advice)
    world.deploy()
    world.deploy({"nginx": {"image": {"tag": "2"}}})
    world.cluster.fate["2"] = world.cluster.fate[BAD]
    world.cluster.remove("Pod", *world.pods("nginx"), HOME)
    world.clock.sleep(10)
    assert "rollback" not in str(status.status(world.op()).assessment.causes[0].advice)
