"""Golden files of every screen and document. After an intended change: pytest tests/cli --update-golden, and review the difference."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from rich.console import Console

from fogflow_k8s.commands.status import exit_code
from fogflow_k8s.console import bundle, doctor, documents, screens
from fogflow_k8s.console.diff import changes_screen, diff_screen
from fogflow_k8s.console.diff_document import diff_document
from fogflow_k8s.errors import FogflowError
from fogflow_k8s.model.diagnosis.assessment import Assessment, Snapshot
from fogflow_k8s.model.diagnosis.health_report import HealthReport
from fogflow_k8s.model.diff.fields import Change
from fogflow_k8s.model.redaction import bundle_index
from fogflow_k8s.model.release.lease import Hold
from tests.cli.shapes import BUNDLE, DIAGNOSES, DIFFERENCES, HISTORY, NOW, OUTCOMES, REPORTS, ready, report
from tests.documents import valid

COLOURS = ("\x1b[31m", "\x1b[32m", "\x1b[33m")


def drawn(what, width=10_000, **console):
    """A screen as text; spaces at line ends are the table's invisible padding."""
    out = io.StringIO()
    screens.show(Console(file=out, width=width, emoji=False, markup=True, **console), what)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def as_json(document):
    valid(document)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", REPORTS)
def test_the_status_screen(golden, name):
    golden(f"status-{name}.txt", drawn(screens.status_screen(REPORTS[name], now=NOW)))


@pytest.mark.parametrize("name", REPORTS)
def test_the_status_document(golden, name):
    golden(f"status-{name}.json", as_json(documents.report_document(REPORTS[name])))


@pytest.mark.parametrize("name", ["failed", "dependents", "unverified", "absent"])
def test_the_status_in_short(golden, name):
    golden(f"status-{name}.short.txt", drawn(screens.short_screen(REPORTS[name])))


@pytest.mark.parametrize("name", OUTCOMES)
def test_the_end_of_an_operation(golden, name):
    golden(f"outcome-{name}.txt", drawn(screens.outcome_screen(OUTCOMES[name], now=NOW)))


@pytest.mark.parametrize("name", ["installed", "rolled-back", "helm-failed", "dry-run"])
def test_the_document_of_an_operation(golden, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    golden(f"outcome-{name}.json", as_json(documents.outcome_document(OUTCOMES[name])).replace(str(tmp_path), "HERE"))


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_difference(golden, name):
    found = DIFFERENCES[name]
    golden(f"diff-{name}.txt", drawn(diff_screen(found)))
    golden(f"diff-{name}.json", as_json(diff_document(found)))


def test_the_status_in_short_names_helms_status_of_a_revision_that_is_not_deployed():
    report = next(each for each in REPORTS.values() if each.revision)
    half = replace(report, revision=replace(report.revision, status="failed"))
    assert f"revision {report.revision.number} (failed): " in drawn(screens.short_screen(half))


def test_the_status_names_an_operation_that_is_changing_the_release():
    report = next(each for each in REPORTS.values() if each.revision)
    other = Hold("ann@desk 12", "fogflow-k8s deploy", acquired="2026-10-01T10:00:00.000000Z", token="1")
    busy = replace(report, operation=other)
    line = "Busy     ann@desk 12 has been changing the release since 2026-10-01 10:00:00 UTC: fogflow-k8s deploy"
    assert line in drawn(screens.status_screen(busy))
    assert documents.report_document(busy)["operation"]["holder"] == "ann@desk 12"
    assert documents.report_document(report)["operation"] is None


def test_a_difference_before_a_question_is_short(golden):
    golden("diff-brief.txt", drawn(diff_screen(DIFFERENCES["apart"], brief=True)))
    many = replace(DIFFERENCES["none"], changes=tuple(Change("add", f"Service/{n}") for n in range(100)))
    lines = drawn(diff_screen(many, brief=True)).splitlines()
    assert len(lines) < 40
    assert "… and 76 more lines: fogflow-k8s diff" in lines


def test_what_changes_between_two_revisions(golden):
    golden("diff-revisions.txt", drawn(changes_screen(DIFFERENCES["apart"].changes, "fogflow")))
    assert drawn(changes_screen((), "fogflow")) == "no manifest changes\n"


def test_the_history(golden):
    golden("history.txt", drawn(screens.history_screen(HISTORY)))
    golden("history.json", as_json(documents.history_document(HISTORY)))


def test_the_end_of_a_bundle(golden, tmp_path, monkeypatch):
    golden("bundle.txt", drawn(bundle.bundle_screen(BUNDLE)))
    monkeypatch.chdir(tmp_path)
    golden("bundle.json", as_json(bundle.bundle_document(BUNDLE)).replace(str(tmp_path), "HERE"))
    facts = {"release": "fogflow", "why": "asked for"}
    golden("bundle-index.md", bundle_index.page(facts, BUNDLE.parts))
    golden(
        "bundle-index.json", json.dumps(bundle_index.index(facts, BUNDLE.parts), indent=2, ensure_ascii=False) + "\n"
    )


@pytest.mark.parametrize("name", DIAGNOSES)
def test_what_the_doctor_found(golden, name):
    golden(f"doctor-{name}.txt", drawn(doctor.doctor_screen(DIAGNOSES[name])))
    golden(f"doctor-{name}.json", as_json(doctor.doctor_document(DIAGNOSES[name])))


def test_a_list_with_a_title(golden):
    lines = ["Deployment/nginx", "ConfigMap/[not markup]"]
    golden("list.txt", drawn(screens.lines_screen("Removed from kind-city:", lines)))


def test_the_error_document(golden):
    golden(
        "error.json",
        as_json(documents.error_document(FogflowError("no cluster", hint="fogflow-k8s sandbox up", exit_code=11))),
    )


def test_every_documents_headline_is_its_first_cause():
    document = documents.report_document(REPORTS["dependents"])
    assert [c["class"] for c in document["causes"]] == ["transient", "blocked", "blocked"]
    assert documents.outcome_document(OUTCOMES["rolled-back"])["causes"][0]["id"] == "FK-4001"


def test_a_rolled_back_upgrade_does_not_blame_the_release_that_runs_again():
    text = drawn(screens.outcome_screen(OUTCOMES["rolled-back"], now=NOW))
    assert text.count("FK-4001") == 1


def test_colour_only_where_it_is_wanted():
    failed = screens.status_screen(REPORTS["failed"], now=NOW)
    colourful = drawn(failed, force_terminal=True, color_system="standard")
    assert any(c in colourful for c in COLOURS)
    assert not any(c in drawn(failed, force_terminal=True, no_color=True) for c in COLOURS)
    assert "\x1b" not in drawn(failed)


@pytest.mark.parametrize(
    ("seconds_ago", "expected"),
    [(0, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (172_800, "2d"), (-5, "0s")],
)
def test_an_age_reads_as_kubectl_writes_it(seconds_ago, expected):
    assert screens.age((NOW - timedelta(seconds=seconds_ago)).isoformat(), NOW) == expected


def test_an_unknown_age_is_left_out():
    assert screens.age("", NOW) == ""


@pytest.mark.parametrize("words", ["failed: [timed out]", "closed [/dev/null]"])
def test_what_others_wrote_is_shown_as_they_wrote_it(words):
    assert words in drawn(screens.history_screen([replace(HISTORY[0], description=words)]))


@pytest.mark.parametrize("width", [80, 100])
def test_a_narrow_terminal_leaves_names_and_ids_whole(width):
    text = drawn(screens.status_screen(REPORTS["failed"], now=NOW), width=width)
    row = next(line for line in text.splitlines() if line.startswith("master"))
    assert row.split()[:2] == ["master", "0/1"]
    assert "FK-4001" in row


def test_an_edge_is_not_said_to_have_a_dashboard():
    both = Assessment(tuple(replace(ready("master"), name=name) for name in ("edge-broker", "edge-worker")))
    edge = replace(OUTCOMES["installed"], report=report(both, urls=(), bus_secret=""))
    assert "Dashboard" not in drawn(screens.outcome_screen(edge, now=NOW))
    cloud = replace(OUTCOMES["installed"], report=replace(OUTCOMES["installed"].report, urls=()))
    assert "Dashboard" in drawn(screens.outcome_screen(cloud, now=NOW))


def test_an_address_is_shown_once():
    shown = drawn(screens.outcome_screen(OUTCOMES["installed"], now=NOW))
    assert shown.count("/index.html") == 1


def test_the_password_is_looked_for_in_the_releases_own_secret():
    elsewhere = replace(
        OUTCOMES["installed"], report=report(release="north", namespace="city", bus_secret="north-rabbitmq")
    )
    assert "kubectl -n city get secret north-rabbitmq" in drawn(screens.outcome_screen(elsewhere, now=NOW))


@pytest.mark.parametrize(
    ("health", "code"),
    [
        (None, 0),  # no keeper, or simulated nodes
        (HealthReport(why="the keeper has not reported yet"), 0),
        (HealthReport("working", "the keeper has not checked these pods yet", 5.0), 30),
        (HealthReport("working", "the keeper's last report is 40 s old", 40.0), 40),
    ],
)
def test_what_a_keeper_should_have_verified_and_has_not_is_no_success(health, code):
    verified_late = report(replace(REPORTS["unverified"].assessment, seen=Snapshot(health=health)))
    assert (verified_late.state, exit_code(verified_late)) == ("unverified", code)
