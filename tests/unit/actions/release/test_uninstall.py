"""Uninstall: Helm deletes the release, a failed hook does not stop it, and nothing of the release is left."""

import pytest

from fogflow_k8s.actions.release.uninstall import uninstall
from fogflow_k8s.errors import Busy, Interrupted, OperationFailed
from tests.unit.actions.world import HOME, OWN, SECRET, interrupt

BUDGET_S = 5
HOOK = "Error: failed pre-delete: 1 error occurred:\n\t* timed out waiting for the condition"


def gone(world, *, delete_data=True):
    uninstall(world.op(command="fogflow-k8s uninstall"), delete_data=delete_data, timeout_s=60)


def test_nothing_of_the_release_or_of_ours_is_left(deployed):
    gone(deployed)
    assert deployed.programs.verbs() == ["uninstall"]
    left = {(kind, name) for kind, namespace, name in deployed.cluster.objects if namespace == HOME}
    assert not left & {("Lease", OWN), ("ConfigMap", OWN), ("Secret", SECRET)}
    assert not [name for kind, name in left if kind == "Deployment"]


def test_without_a_release_there_is_nothing_to_do(world):
    gone(world)
    assert (world.programs.verbs(), world.cluster.writes) == ([], [])


@pytest.mark.parametrize(
    "words", [HOOK, "Error: failed pre-delete: 1 error occurred:\n\t* job fogflow-cleanup failed: DeadlineExceeded"]
)
def test_a_hook_that_fails_is_told_and_gone_without(deployed, words):
    """A full quota, an image that cannot be pulled: Helm stops at it every time."""
    deployed.programs.plan("uninstall", stderr=words)
    gone(deployed)
    assert deployed.programs.verbs() == ["uninstall", "uninstall"]
    assert "--no-hooks" in deployed.programs.flags("uninstall")
    assert deployed.reported("the pre-delete hook")
    assert deployed.reported("fogflow-k8s doctor")
    assert deployed.object("Lease", OWN) is None


def test_another_failure_is_told_and_leaves_the_record(deployed):
    deployed.programs.plan("uninstall", stderr="Error: uninstall: it does not work")
    with pytest.raises(OperationFailed, match="it does not work"):
        gone(deployed)
    assert deployed.programs.verbs() == ["uninstall"]
    assert deployed.object("ConfigMap", OWN)


def test_a_release_with_another_operation_is_not_changed(deployed):
    deployed.take_lease()
    deployed.always = [deployed.take_lease]
    with pytest.raises(Busy):
        gone(deployed)
    assert deployed.programs.verbs() == []


def test_ctrl_c_before_it_began_says_that_nothing_was_removed(deployed):
    deployed.take_lease()
    deployed.always = [deployed.take_lease]
    deployed.at(5, interrupt)
    with pytest.raises(Interrupted, match="interrupted: nothing was removed") as error:
        gone(deployed)
    assert error.value.hint == "to complete it: fogflow-k8s uninstall -n city"


def test_ctrl_c_in_the_middle_says_that_it_is_not_complete(deployed):
    deployed.programs.plan("uninstall", interrupt=True)
    with pytest.raises(Interrupted, match="interrupted: the uninstall is not complete"):
        gone(deployed)
