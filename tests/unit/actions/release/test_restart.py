"""Which components `restart` restarts, which ones it leaves to the keeper, and when it ends."""

import pytest

from fogflow_k8s.actions.release.restart import _chosen, restart
from fogflow_k8s.commands.status import exit_code
from fogflow_k8s.errors import Interrupted
from tests.unit.actions.world import interrupt

ALL = ("rabbitmq", "discovery", "master", "cloud-worker", "designer", "nginx", "keeper")
KEEPS = {"metadata": {"annotations": {"fogflow-k8s.io/keeps-tasks": "true"}}}


def workloads(worker):
    return {name: worker if name == "cloud-worker" else {"metadata": {"name": name}} for name in ALL}


@pytest.mark.parametrize(
    ("names", "left"),
    [((), ["cloud-worker", "designer"]), (("cloud-worker", "designer"), ["designer"]), (("designer", "nginx"), [])],
)
def test_of_those_that_hang_together_the_keeper_restarts_all_but_the_first(names, left):
    chosen = _chosen(names, workloads({}), kept=True)
    assert chosen == [name for name in ALL if name in (names or ALL) and name not in left]


@pytest.mark.parametrize(
    ("names", "left"), [((), ["designer"]), (("cloud-worker", "designer"), []), (("master", "designer"), ["designer"])]
)
def test_restart_itself_restarts_a_worker_that_keeps_its_tasks(names, left):
    """A changed password, too: it reads it when it starts."""
    chosen = _chosen(names, workloads(KEEPS), kept=True)
    assert chosen == [name for name in ALL if name in (names or ALL) and name not in left]


def test_without_a_keeper_all_are_ours():
    assert _chosen((), workloads(KEEPS), kept=False) == list(ALL)


# ---- the wait for FogFlow afterwards


@pytest.fixture
def kept(deployed):
    """A release with a keeper that reports that FogFlow works."""
    deployed.keeper()
    deployed.deploy({"keeper": {"enabled": True}})
    deployed.clock.sleep(1)
    return deployed


def tells(world, *states):
    """Let the keeper report, so many seconds from now on, these states."""
    for after_s, state in states:
        world.at(after_s, lambda state=state: world.keeper(state))


def test_it_ends_when_the_keeper_has_seen_what_became_of_it_not_before(kept):
    """Measured on the real programs: its report still says "working" after the new pods are ready, and tasks run twice then."""
    tells(kept, (4, "repairing"), (18, "working"))
    began = kept.clock.now()
    report, end = restart(kept.op(), ["designer"], timeout_s=60)
    assert (report.state, end, exit_code(report)) == ("working", "ready", 0)
    assert kept.clock.now() - began >= 18


def test_a_report_of_before_is_no_proof(kept):
    kept.always = []
    report, _ = restart(kept.op(), ["designer"], timeout_s=10)
    assert (report.state, exit_code(report)) == ("unverified", 30)


def test_one_that_never_works_again_is_told_after_the_timeout(kept):
    tells(kept, (2, "degraded"))
    report, end = restart(kept.op(), ["designer"], timeout_s=20)
    assert (report.state, end != "ready", exit_code(report)) == ("degraded", True, 40)


@pytest.mark.parametrize(("enabled", "wait"), [(False, True), (True, False)])
def test_without_a_keeper_or_without_waiting_it_ends_with_the_new_pods(kept, enabled, wait):
    kept.deploy({"keeper": {"enabled": enabled}})
    began = kept.clock.now()
    restart(kept.op(), ["designer"], timeout_s=60, wait=wait)
    assert kept.clock.now() - began <= 1


def test_ctrl_c_names_what_was_restarted_and_how_to_go_on_with_the_others(deployed):
    deployed.cluster.fate["1"] = 20.0
    deployed.at(5, interrupt)
    with pytest.raises(Interrupted, match=r"interrupted: master restarted.*; not restarted: nginx") as error:
        restart(deployed.op(), ["nginx", "master"], timeout_s=60)
    assert error.value.hint == "to continue: fogflow-k8s restart nginx -n city"
    assert deployed.holder == ""


def test_ctrl_c_before_the_first_restart_says_that_nothing_was_restarted(deployed):
    deployed.take_lease()
    deployed.always = [deployed.take_lease]
    deployed.at(5, interrupt)
    with pytest.raises(Interrupted, match="interrupted: nothing was restarted"):
        restart(deployed.op(), ["master"], timeout_s=60)


def test_ctrl_c_in_the_wait_names_the_command_that_waits(deployed):
    deployed.cluster.fate["1"] = 20.0
    deployed.at(5, interrupt)
    with pytest.raises(Interrupted, match=r"master restarted, and the restart continues in the cluster$") as error:
        restart(deployed.op(), ["master"], timeout_s=60)
    assert error.value.hint == "to wait for it: fogflow-k8s status --wait -n city"
