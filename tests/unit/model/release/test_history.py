"""The history of a release: which revisions worked, and how an interrupted operation is repaired."""

import pytest

from fogflow_k8s.model.release.history import (
    last_that_worked,
    passed_over,
    repair,
    revisions,
    rollback_target,
    taken_back,
)


def history(*statuses, verified=()):
    raw = [{"revision": i, "status": s} for i, s in enumerate(statuses, 1)]
    return revisions(raw, {"revisions": {str(v): {"by": "me"} for v in verified}})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (history(), None),
        (history("deployed"), None),
        (history("pending-install"), 1),
        (history("deployed", "pending-upgrade"), 1),
        (history("superseded", "deployed", "pending-rollback"), 2),
        (history("superseded", "deployed", "failed", "pending-upgrade"), 2),
        (history("superseded", "superseded", "pending-upgrade", verified=[1]), 1),
        (history("failed", "pending-upgrade"), 2),
        (history("superseded", "uninstalling", verified=[1, 2]), 2),
        (history("superseded", "uninstalled"), None),
    ],
)
def test_a_pending_release_is_rolled_back_to_what_worked_else_to_itself(given, expected):
    plan = repair(given)
    assert (plan.revision if plan else None) == expected


def test_a_revision_seen_working_is_preferred_to_one_that_helm_calls_superseded():
    assert last_that_worked(history("superseded", "superseded", "deployed", verified=[1])).number == 1
    assert last_that_worked(history("superseded", "superseded", "deployed")).number == 3


def test_what_is_passed_over_is_the_newest_that_may_have_worked_since():
    past = history("superseded", "superseded", "failed", "superseded", "deployed", verified=[1])
    assert passed_over(past, past[0], before=5).number == 4
    assert passed_over(past, past[0], before=6).number == 5
    assert passed_over(past, past[4], before=5) is None


def test_the_default_rollback_goes_before_the_current_revision():
    assert rollback_target(history("superseded", "deployed", verified=[1, 2])).number == 1
    assert rollback_target(history("deployed")) is None
    assert rollback_target(history()) is None


@pytest.mark.parametrize(
    ("descriptions", "verified", "expected"),
    [
        (["Install", "Upgrade failed", "Rollback to 1"], [1, 3], None),  # revision 1 is in force again
        (["Install", "Upgrade", "Upgrade failed", "Rollback to 2"], [1, 2, 4], 1),
        (["Install", "Upgrade", "Rollback to 1"], [1, 2, 3], 2),  # what was rolled back by hand had worked
        (["Install", "Upgrade", "Rollback to 1", "Rollback to 3"], [1, 2, 3, 4], 2),
        (["Install", "Upgrade", "Rollback to 1", "Rollback to 2"], [1, 2, 3, 4], 3),
        (["Install", "Upgrade", "Rollback to 1"], [], None),  # nobody saw 2 working, and it was taken back
        (["Install", "Upgrade", "Upgrade"], [1, 2, 3], 2),
    ],
)
def test_a_rollback_after_a_rollback_goes_to_another_state(descriptions, verified, expected):
    last = len(descriptions)
    raw = [
        {"revision": i, "status": "deployed" if i == last else "superseded", "description": d}
        for i, d in enumerate(descriptions, 1)
    ]
    found = rollback_target(revisions(raw, {"revisions": {str(v): {} for v in verified}}))
    assert (found.number if found else None) == expected


@pytest.mark.parametrize(
    ("description", "record", "expected"),
    [
        ("fogflow-k8s deploy by ann@desk", {}, "ann@desk"),
        ("fogflow-k8s deploy by ann@desk", {"1": {"by": "bob@desk"}}, "bob@desk"),
        ("Upgrade complete", {}, ""),
        ("Rollback to 1", {"1": {"by": "bob@desk"}}, "bob@desk"),
    ],
)
def test_who_made_a_revision_is_in_the_record_or_in_its_description(description, record, expected):
    (found,) = revisions([{"revision": 1, "description": description}], {"revisions": record})
    assert found.by == expected


def test_a_rollback_that_failed_may_be_made_again():
    raw = [{"revision": 1, "status": "superseded"}, {"revision": 2, "status": "failed", "description": "Rollback to 1"}]
    assert rollback_target(revisions(raw, {})).number == 1


def test_history_is_sorted_and_joined_with_the_record():
    found = revisions(
        [{"revision": 2, "status": "deployed"}, {"revision": 1, "status": "superseded"}],
        {"revisions": {"2": {"by": "ann"}}},
    )
    assert [(r.number, r.verified, r.by) for r in found] == [(1, False, ""), (2, True, "ann")]


@pytest.mark.parametrize(
    ("descriptions", "expected"),
    [
        ([], set()),
        (["Install complete", "Upgrade complete"], set()),
        (["Install complete", "Upgrade complete", "Rollback to 1"], {2}),
        (["Install complete", "Rollback to 1"], set()),  # the repair of an interrupted install
        (["fogflow-k8s deploy by ann", "Upgrade failed", "Rollback to 1", "Upgrade complete", "Rollback to 2"], {2, 4}),
    ],
)
def test_a_revision_after_which_an_earlier_one_was_restored_was_taken_back(descriptions, expected):
    raw = [{"revision": i, "status": "superseded", "description": d} for i, d in enumerate(descriptions, 1)]
    assert taken_back(revisions(raw, {})) == expected
