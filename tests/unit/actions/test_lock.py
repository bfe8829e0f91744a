"""The Lease of a release: how it is acquired, how long a second operation waits, and what its loss means."""

import threading
import time
from types import SimpleNamespace

import pytest

from fogflow_k8s.actions.lock import HeldLease, hold_lease, live_holder
from fogflow_k8s.errors import Busy, ClusterError
from fogflow_k8s.model.release.lease import DURATION_S, GIVE_UP_S, RENEW_EVERY_S
from tests.unit.actions.world import HOME, OWN, RIVAL, renew


@pytest.fixture
def op(world):
    return world.op(command="fogflow-k8s deploy --yes")


def spec(world):
    return world.object("Lease", OWN)["spec"]


def test_a_free_lease_is_taken_at_once(world, op):
    with hold_lease(op):
        assert world.holder
        assert spec(world)["leaseTransitions"] == 1
        assert world.object("Lease", OWN)["metadata"]["annotations"] == {"fogflow-k8s.io/command": op.command}
    assert world.passed_s == 0
    assert world.reporter.lines == []


def test_a_lease_that_was_given_back_is_taken_at_once_by_the_next(world, op):
    with hold_lease(op):
        first = world.holder
    with hold_lease(op):
        assert world.holder not in {"", first}
        assert spec(world)["leaseTransitions"] == 2
    assert world.passed_s == 0


def test_the_lease_is_given_back_after_an_error_too(world, op):
    with pytest.raises(ZeroDivisionError), hold_lease(op):
        raise ZeroDivisionError
    assert world.holder == ""


def test_a_holder_who_renews_is_watched_for_15_seconds_and_then_named(world, op):
    world.take_lease()
    world.always = [world.take_lease]
    with (
        pytest.raises(
            Busy,
            match=rf"another operation is changing release fogflow: {RIVAL} since 2026-\S+ \S+ UTC: fogflow-k8s restart",
        ) as error,
        hold_lease(op),
    ):
        pass
    assert 15 <= world.passed_s <= 17
    assert error.value.exit_code == 50
    assert world.holder == RIVAL
    assert sum("waiting up to 15 s for the lock" in line for line in world.reporter.lines) == 1


def test_a_holder_who_does_not_renew_for_15_seconds_is_replaced(world, op):
    world.take_lease()
    with hold_lease(op):
        assert world.holder != RIVAL
    assert world.passed_s == 15
    assert world.reported(f"taking over the lock of {RIVAL} (fogflow-k8s restart): it was not renewed for 15 s")


def test_a_holder_is_judged_by_our_clock_and_not_by_the_times_that_it_wrote(world, op):
    world.take_lease()
    world.cluster.edit("Lease", OWN, {"spec": {"renewTime": "1999-01-01T00:00:00.000000Z"}})
    with hold_lease(op):
        assert world.passed_s == 15


def test_a_holder_who_renews_once_and_dies_is_watched_anew_and_called_busy(world, op):
    world.take_lease()
    world.at(5, world.take_lease)
    with pytest.raises(Busy), hold_lease(op):
        pass
    assert world.holder == RIVAL


def test_a_holder_who_ends_meanwhile_is_not_waited_for_any_longer(world, op):
    world.take_lease()
    world.at(4, lambda: world.take_lease(""))
    with hold_lease(op):
        assert world.passed_s == 4


@pytest.mark.parametrize("verb", ["create", "replace"])
def test_of_two_at_once_one_gets_it_and_the_other_waits(world, op, verb):
    if verb == "replace":
        world.take_lease("")

    def faster(*call):
        if call[:2] == (verb, "Lease") and not world.holder:
            world.take_lease()

    world.cluster.hooks.append(faster)
    world.at(6, lambda: world.take_lease(""))
    world.at(6, world.cluster.hooks.clear)
    with hold_lease(op):
        assert world.holder not in {"", RIVAL}
    assert world.passed_s == 6


def test_a_lease_that_vanishes_while_we_write_on_it_is_taken_at_the_next_look(world, op):
    def vanish(*call):
        if call[:2] == ("replace", "Lease"):
            world.cluster.hooks.clear()
            world.cluster.put({**world.object("Lease", OWN)})  # so our copy is an old one ...
            world.cluster.hooks.append(lambda *each: each[:2] == ("get", "Lease") and gone())

    def gone():
        world.cluster.hooks.clear()
        world.cluster.remove("Lease", OWN, HOME)

    world.take_lease("")
    world.cluster.hooks.append(vanish)
    with hold_lease(op):
        assert world.passed_s == 1


def test_a_server_that_does_not_answer_is_no_lease(world, op):
    world.cluster.refuse("get", "Lease", 0)
    with pytest.raises(ClusterError), hold_lease(op):
        pass


def test_the_lease_is_renewed_while_we_are_at_work(world, op):
    with hold_lease(op) as mine:
        before = spec(world)
        renew(mine)
        assert spec(world)["renewTime"] > before["renewTime"]
        assert {**spec(world), "renewTime": ""} == {**before, "renewTime": ""}
        mine.check()


@pytest.mark.parametrize("how", ["taken", "deleted"])
def test_a_lease_that_was_taken_over_is_lost_and_not_changed(world, op, how):
    with hold_lease(op) as mine:
        world.take_lease() if how == "taken" else world.cluster.remove("Lease", OWN, HOME)
        renew(mine)
        with pytest.raises(Busy, match="another operation took over release fogflow"):
            mine.check()
    assert world.holder == (RIVAL if how == "taken" else "")


@pytest.fixture
def later(monkeypatch):
    """Lets time pass for holders, by the clock that renewals are measured with."""
    passed = [0.0]
    real = time.monotonic
    monkeypatch.setattr("fogflow_k8s.actions.lock.time.monotonic", lambda: real() + passed[0])

    def pass_(seconds):
        passed[0] += seconds

    return pass_


def test_a_lease_that_cannot_be_renewed_is_given_up_before_another_may_take_it(world, op, later):
    assert GIVE_UP_S + RENEW_EVERY_S <= DURATION_S
    with hold_lease(op) as mine:
        world.cluster.refuse("replace", "Lease", 0)
        later(GIVE_UP_S - 1)
        renew(mine)
        mine.check()
        assert not mine.lost
        later(1)
        assert mine.lost
        with pytest.raises(ClusterError):
            mine.check()


def test_a_server_that_hangs_or_a_thread_that_died_gives_it_up_too(op, later, monkeypatch):
    def broken(_):
        raise ZeroDivisionError

    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    monkeypatch.setattr(HeldLease, "_renew", broken)
    with hold_lease(op) as mine:
        later(GIVE_UP_S)
        assert mine.lost


def test_a_renewal_counts_from_when_it_was_begun(world, op, later):
    def slow(*call):
        if call[:2] == ("replace", "Lease"):
            later(5)

    with hold_lease(op) as mine:
        world.cluster.hooks.append(slow)
        renew(mine)
        world.cluster.hooks.clear()
        later(GIVE_UP_S - 5)
        assert mine.lost


def test_a_lost_lease_is_regained_when_no_operation_took_it_over(world, op, later):
    with hold_lease(op) as mine:
        later(60)
        assert mine.lost
        mine.check()
        assert not mine.lost
        later(60)
        world.take_lease()
        with pytest.raises(Busy):
            mine.check()
        assert mine.lost


def test_giving_it_back_to_a_server_that_is_gone_is_no_error(world, op):
    with hold_lease(op):
        world.cluster.refuse("", "Lease", 0)
    assert world.holder != "", "without renewals it becomes stale"


def test_the_thread_that_renews_ends_with_the_block(op):
    with hold_lease(op) as mine:
        assert mine._thread.is_alive()
    assert not mine._thread.is_alive()


def test_a_free_lease_has_no_living_holder(world, op):
    assert live_holder(op) is None
    world.take_lease("")
    assert live_holder(op) is None
    assert world.passed_s == 0


def test_a_holder_is_alive_from_its_next_renewal_on(world, op):
    world.take_lease()
    world.at(5, world.take_lease)
    assert live_holder(op).holder == RIVAL
    assert world.passed_s == 5


def test_a_holder_without_a_sign_of_life_for_15_seconds_is_not_alive(world, op):
    world.take_lease()
    assert live_holder(op) is None
    assert 15 <= world.passed_s <= 17


def test_a_holder_who_gives_the_lease_back_meanwhile_is_not_alive(world, op):
    world.take_lease()
    world.at(2, lambda: world.take_lease(""))
    assert live_holder(op) is None
    assert world.passed_s == 2


def test_a_holder_that_is_replaced_by_another_counts_as_alive(world, op):
    world.take_lease()
    world.at(3, lambda: world.take_lease("third@host"))
    assert live_holder(op).holder == "third@host"


def test_the_thread_waits_as_long_between_renewals_as_the_rule_says():
    waited = []
    stop = SimpleNamespace(wait=lambda seconds: waited.append(seconds) or True)
    HeldLease._renew_until_stopped(SimpleNamespace(_stop=stop))
    assert waited == [RENEW_EVERY_S]
