"""Quotas that are not sufficient are named before a deploy changes anything, and by `check`."""

import pytest

from fogflow_k8s.actions.check.probes.admission import quota_suffices
from fogflow_k8s.actions.observe import status
from fogflow_k8s.actions.release.prepare import prepare
from fogflow_k8s.actions.release.request import Request
from fogflow_k8s.model.manifests import RESOURCES
from tests.unit.actions.world import CHART, HOME, RELEASE, TASKS, ended

BUDGET_S = 20
CHANGED = {"nginx": {"image": {"tag": "2"}}, "discovery": {"image": {"tag": "2"}}}


def limit(world, hard, namespace=HOME):
    """A quota in whose status stands what exists now."""
    counts = {}
    for kind, where, _ in list(world.cluster.objects):
        if where == namespace and kind in RESOURCES:
            api, plural, _ = RESOURCES[kind]
            group = api.rpartition("/")[0]
            for key in (plural, f"count/{plural}" + (f".{group}" if group else "")):
                counts[key] = counts.get(key, 0) + 1
    used = {key: str(counts.get(key, 0)) for key in hard}
    hard = {key: str(counts.get(key, 0) + int(more)) for key, more in hard.items()}
    meta = {"name": "full", "namespace": namespace}
    world.cluster.put({"kind": "ResourceQuota", "metadata": meta, "spec": {"hard": hard}, "status": {"used": used}})


def checked(world, values=None):
    op = world.op()
    return quota_suffices(op, prepare(op, Request(CHART, values or {}), status.installed(op)))


@pytest.mark.parametrize(
    ("key", "room"),
    [("pods", 6), ("count/pods", 0), ("services", 0), ("count/deployments.apps", 6), ("configmaps", 1), ("secrets", 1), ("count/leases.coordination.k8s.io", 0)],
)  # fmt: skip
def test_an_install_that_no_quota_has_room_for_is_refused_before_anything_is_made(world, key, room):
    """Beside the chart there are Helm's record of the revision, our Lease and record, and the Secret with the password."""
    world.cluster.put({"kind": "Namespace", "metadata": {"name": HOME}})
    limit(world, {key: room})
    before = len(world.cluster.objects)
    found = world.deploy()
    assert (ended(found), [c.id for c in found.causes], found.detail) == (
        "unchanged, 10",
        ["FK-3010"],
        "nothing was changed",
    )
    assert f"quota full, {key}: " in found.causes[0].summary
    assert found.causes[0].advice[0] == f"kubectl -n {HOME} describe resourcequota"
    assert (world.programs.verbs(), len(world.cluster.objects)) == ([], before)


def test_an_install_that_fits_exactly_goes_on(world):
    world.cluster.put({"kind": "Namespace", "metadata": {"name": HOME}})
    limit(
        world,
        {
            "pods": 7,
            "services": 1,
            "count/deployments.apps": 7,
            "configmaps": 2,
            "secrets": 2,
            "count/replicasets.apps": 7,
        },
    )
    assert ended(world.deploy()) == "installed, 0"


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("pods", CHANGED),
        ("secrets", CHANGED),
        ("count/replicasets.apps", CHANGED),
        ("pods", {"replicaCount": 2}),
        ("persistentvolumeclaims", {"designer": {"persistence": {"enabled": True}}}),
        ("count/deployments.apps", {"keeper": {"enabled": True}}),
    ],
)
def test_an_upgrade_into_a_quota_that_is_exactly_full_is_refused_at_once(deployed, key, values):
    limit(deployed, {key: 0})
    found = deployed.deploy(values)
    assert (ended(found), [c.id for c in found.causes]) == ("unchanged, 10", ["FK-3010"])
    assert deployed.programs.verbs() == []
    assert f"{key}: " in checked(deployed, values).detail, "check says the same"


@pytest.mark.parametrize(
    "values", [{}, {"discovery": {"image": {"tag": "2"}}}], ids=["nothing", "a pod that ends first"]
)
def test_a_full_quota_lets_be_what_needs_no_more(deployed, values):
    limit(deployed, {"pods": 0, "services": 0, "configmaps": 0, "count/deployments.apps": 0})
    assert deployed.deploy(values).exit_code == 0


def test_a_dry_run_names_the_quota_too(deployed):
    limit(deployed, {"pods": 0})
    found = deployed.deploy(CHANGED, dry_run="client")
    assert (found.exit_code, [c.id for c in found.causes]) == (10, ["FK-3010"])


def test_the_quota_of_the_tasks_namespace_counts_what_the_chart_puts_there(world):
    for name in (HOME, TASKS):
        world.cluster.put({"kind": "Namespace", "metadata": {"name": name}})
    limit(world, {"pods": -5}, TASKS)
    assert ended(world.deploy()) == "installed, 0", (
        "no pod of the release is there, so a quota overrun by tasks is no obstacle"
    )


def test_helm_drops_its_oldest_record_before_it_makes_one_more(deployed):
    newest = deployed.programs.revisions[-1]
    deployed.programs.revisions[:] = [{**newest, "revision": n, "status": "superseded"} for n in range(1, 10)] + [
        {**newest, "revision": 10}
    ]
    for n in range(2, 11):
        meta = {"name": f"sh.helm.release.v1.{RELEASE}.v{n}", "namespace": HOME}
        deployed.cluster.put({"kind": "Secret", "metadata": meta})
    limit(deployed, {"secrets": 0})
    assert checked(deployed, CHANGED).ok


def test_without_the_right_to_see_quotas_the_deploy_goes_on_and_says_so(world):
    world.cluster.refuse("list", "ResourceQuota")
    assert ended(world.deploy()) == "installed, 0"
    assert world.reported("not checked whether the quotas of the namespace are sufficient")


def test_kinds_that_may_not_be_listed_are_not_judged(deployed):
    limit(deployed, {"configmaps": 0, "services": 0})
    deployed.cluster.refuse("list", "ConfigMap")
    found = checked(deployed)
    assert found.ok is not False, found.detail


@pytest.mark.parametrize(("key", "room", "ok"), [("pods", 0, False), ("pods", 1, True), ("count/jobs.batch", 0, False), ("count/jobs.batch", 1, True)])  # fmt: skip
def test_check_wants_room_for_a_hook_and_deploy_does_not(deployed, key, room, ok):
    limit(deployed, {key: room})
    found = checked(deployed)
    assert (found.ok, "while helm uninstall or helm test runs a hook" in found.detail) == (ok, not ok)
    assert deployed.deploy({"config": {"site_id": "007"}}).exit_code == 0
