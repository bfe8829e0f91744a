"""The screens, documents and the report of `bench`, its usage errors, and `bench compare` from the command line."""

import json
import sys
from html.parser import HTMLParser

import pytest
from typer.testing import CliRunner

from fogflow_k8s.actions.bench import run as action
from fogflow_k8s.cli import app
from fogflow_k8s.commands.session import Session
from fogflow_k8s.console import bench as screens
from fogflow_k8s.console import bench_document as documents
from fogflow_k8s.console.bench_report import report, require_plots
from fogflow_k8s.errors import ToolMissing
from fogflow_k8s.model.bench.comparison import compare, judge
from tests.cli.bench_runs import RUNS
from tests.cli.test_screens import as_json, drawn
from tests.documents import parse

BUDGET_S = 60


@pytest.mark.parametrize("name", RUNS)
def test_a_run(golden, name):
    golden(f"bench-{name}.txt", drawn(screens.run_screen(RUNS[name])))
    golden(f"bench-{name}.json", as_json(documents.run_document(RUNS[name])))


def test_the_list(golden, tool):
    golden("bench-list.txt", drawn(screens.list_screen()))
    assert [each["name"] for each in parse(tool("bench", "list", "-o", "json", code=0).stdout)["scenarios"]] == [
        "update", "ngsi-ld", "query", "notify", "discover", "task", "flow",
    ]  # fmt: skip


def test_a_comparison(golden):
    found = [
        judge("update at 50/s", "p50", [0.020, 0.021, 0.0205, 0.0202, 0.0208], [0.030, 0.031, 0.0305, 0.0302, 0.0308]),
        judge("update at 50/s", "throughput", [50.0], [50.0]),
        judge("update", "capacity", [500.0], [620.0]),
        judge("notify at 20/s", "lost", [0.1], []),
    ]
    golden("bench-compare.txt", drawn(screens.compare_screen(found)))
    golden("bench-compare.json", as_json(documents.compare_document(found)))


def _saved(path, change=lambda _: None):
    document = json.loads(as_json(documents.run_document(RUNS["update"])))
    change(document)
    path.write_text(json.dumps(document))
    return path


def _slower(document):
    for step in document["runs"][0]["rates"]:
        for each in step["course"]:
            each["p50Seconds"] = each["p50Seconds"] and each["p50Seconds"] * 1.3


def test_a_file_compared_with_itself_shows_no_change(tool, tmp_path):
    saved = _saved(tmp_path / "a.json")
    found = parse(tool("bench", "compare", saved, saved, "--fail-on-regression", "-o", "json", code=0).stdout)
    assert {each["change"] for each in found["differences"]} <= {"unchanged", "unknown"}
    assert found["regression"] is False


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(runs=3), "runs: Input should be a valid list"),
        (lambda d: d["runs"].__setitem__(0, 1), "runs.0: Input should be a valid dictionary"),
        (lambda d: d["runs"][0].pop("rates"), "runs.0.rates: Field required"),
        (lambda d: d.update(kind="Status"), "its kind is not Bench"),
    ],
)
def test_a_file_that_is_no_result_is_named_with_the_key(tool, tmp_path, change, words):
    saved = _saved(tmp_path / "a.json", change)
    assert words in tool("bench", "compare", saved, saved, code=2).stderr


def test_files_with_nothing_in_common_are_no_success(tool, tmp_path):
    one, other = _saved(tmp_path / "a.json"), _saved(tmp_path / "b.json", lambda d: d.update(runs=[]))
    assert "no figure in common" in tool("bench", "compare", one, other, code=2).stderr


def test_a_regression_exits_with_3_when_asked(tool, tmp_path):
    before, after = _saved(tmp_path / "a.json"), _saved(tmp_path / "b.json", _slower)
    assert "worse" in tool("bench", "compare", before, after, code=0).stdout
    tool("bench", "compare", before, after, "--fail-on-regression", code=3)
    tool("bench", "compare", after, before, "--fail-on-regression", code=0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "nosuch"], "no scenario nosuch"),
        (["run", "--slo", "p95=1s"], "not FIGURE=DURATION"),
        (["run", "--duration", "soon"], "not a duration"),
        (["run", "--image", "UP"], "not an image's name"),
        (["run", "task", "--task-image", "UP"], "not an image's name"),
        (["run", "--rate", "-1"], "-1"),
        (["run", "--entities", "20001"], "20001"),
        (["run", "--through", "tunnel"], "not one of direct, proxy"),
        (["run", "--save", "result.txt"], "not a .json or .html file"),
        (["run", "--save", "absent/a.json"], "there is no folder absent"),
        (["run", "task", "--find-capacity"], "searches a rate"),
        (["run", "flow"], "needs the image of an operator"),
        (["compare", "none.json", "none.json"], "cannot be read as JSON"),
        (["list", "-o", "yaml"], "not one of table, json"),
    ],
)
def test_a_command_line_that_cannot_be(tool, words, message):
    assert message in tool("bench", *words, code=2).stderr


def test_a_file_that_is_no_result_is_refused(tool, tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"kind": "Status"}')
    assert "its kind is not Bench" in tool("bench", "compare", path, path, code=2).stderr


class _Page(HTMLParser):
    """The tags of a page that a browser would fetch something for, and the texts that describe its pictures."""

    def __init__(self):
        super().__init__()
        self.fetched, self.labels, self.open = [], [], []

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        if tag in {"script", "img", "iframe"} or (tag == "link" and not known["href"].startswith("data:")):
            self.fetched.append(tag)
        if tag == "svg":
            self.labels.append(known.get("aria-label"))


@pytest.mark.parametrize(("name", "curves"), [("update", 3), ("capacity", 2), ("invalid", 0), ("task-some", 0)])
def test_the_report_is_one_file_with_described_curves(name, curves):
    text = report(json.loads(as_json(documents.run_document(RUNS[name]))))
    page = _Page()
    page.feed(text)
    assert page.fetched == []
    assert len(page.labels) == curves
    assert all(page.labels)
    assert "url(http" not in text
    assert ("The figures mean nothing" in text) == (name == "invalid")


def test_two_reports_of_one_result_are_equal():
    document = json.loads(as_json(documents.run_document(RUNS["update"])))
    assert report(document) == report(document)


def test_the_extra_to_install_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(ToolMissing, match="needs matplotlib") as plots:
        require_plots()
    document = json.loads(as_json(documents.run_document(RUNS["update"])))
    with pytest.raises(ToolMissing, match="needs scipy") as statistics:
        compare([document], [document])
    assert "fogflow-k8s[bench]" in plots.value.hint
    assert "fogflow-k8s[bench]" in statistics.value.hint


@pytest.fixture
def command(monkeypatch):
    """Runs `bench run` in this process with a measurement that has this result: exit code, stdout and the request."""
    asked = []

    def invoke(result, *words):
        monkeypatch.setattr(Session, "operation", lambda *_, **__: None)
        monkeypatch.setattr(action, "run", lambda _, __, request: (asked.append(request), RUNS[result])[1])
        done = CliRunner().invoke(app, ["bench", "run", *map(str, words)], obj=Session())
        return done.exit_code, done.stdout, asked[-1]

    return invoke


def test_a_measurement_from_the_command_line_to_its_document(command, tmp_path):
    words = [
        "update",
        "notify",
        "--rate",
        "7",
        "--duration",
        "1m30s",
        "--slo",
        "p99=300ms",
        "--save",
        tmp_path / "a.json",
    ]
    code, out, request = command("update", *words, "-o", "json")
    assert code == 0
    assert parse(out) == parse((tmp_path / "a.json").read_text())
    assert (request.names, request.rate, request.duration_s) == (("update", "notify"), 7, 90)
    assert str(request.limits[0]) == "p99=300ms"


def test_a_measurement_that_does_not_hold_exits_with_40(command):
    assert command("notify", "notify")[0] == 40
    assert command("invalid", "update")[0] == 40


def test_without_a_scenario_updates_are_measured(command):
    code, out, request = command("update")
    assert (code, request.names) == (0, ("update",))
    assert "nothing failed, and the objective holds" in out


def test_the_report_is_printed_or_saved(command, tmp_path):
    assert command("capacity", "--find-capacity", "-o", "html")[1].startswith("<!DOCTYPE html>")
    command("capacity", "--save", tmp_path / "a.html")
    assert "<svg" in (tmp_path / "a.html").read_text()
