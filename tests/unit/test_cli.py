"""Command lines: global options anywhere, durations, and nothing heavy before it is needed."""

import json
import subprocess
import sys

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from fogflow_k8s import cli
from fogflow_k8s.cli import _json_format, app
from fogflow_k8s.commands.global_options import move_global_options_first
from fogflow_k8s.commands.options import one_of, seconds
from fogflow_k8s.commands.session import Session
from fogflow_k8s.errors import UsageError
from tests import scope
from tests.documents import valid

BUDGET_S = 10
ROOT = typer.main.get_command(app)
VERBS = sorted(ROOT.commands)
HEAVY = ("kubernetes", "docker", "jinja2", "pydantic", "rich", "yaml", "cryptography", "urllib3")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["deploy", "-n", "city", "--external-ip", "1.2.3.4"], ["-n", "city", "deploy", "--external-ip", "1.2.3.4"]),
        (["status", "--context=a", "-q"], ["--context=a", "-q", "status"]),
        (["render", "-o", "out", "--", "-n", "x"], ["render", "-o", "out", "--", "-n", "x"]),
        (["status", "-ncity"], ["-n", "city", "status"]),
        (["status", "-n=city", "-o=json"], ["-n", "city", "status", "-o=json"]),
        (["status", "-n", "-o"], ["-n", "-o", "status"]),  # as kubectl does: whatever follows is the value
        (["status", "-qvncity", "-qv"], ["-qv", "-n", "city", "-qv", "status"]),
        (["status", "-qn", "city"], ["-qn", "city", "status"]),
        (["status", "-n=", "-n==x"], ["-n", "", "-n", "=x", "status"]),
        (["edge", "join", "-", "-n", "x"], ["-n", "x", "edge", "join", "-"]),  # - is stdin, no option
        (["deploy", "-yq"], ["deploy", "-yq"]),
        ([], []),
    ],
)
def test_global_options_may_stand_anywhere(given, expected):
    assert move_global_options_first(given) == expected


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (["status", "-n"], ["-n"]),
        (["-n"], ["-n"]),
        (["-q", "status", "-qn"], ["-q", "-qn"]),
        (["deploy", "--external-ip", "1.2.3.4", "--context"], ["--context"]),
    ],
)
def test_a_global_option_without_its_value_is_left_to_the_parser_and_swallows_nothing(given, left):
    assert move_global_options_first(given) == left
    with pytest.raises(Exception, match=rf"Option '{given[-1][:1]}.*' requires an argument"):
        app(move_global_options_first(given), standalone_mode=False)


# How one value of one global option can be written.
VALUES = st.sampled_from([*VERBS, "city", "-o", "json", "a=b", "=x"])
FORMS = st.one_of(
    st.tuples(
        st.sampled_from(["-n {}", "-n={}", "-n{}", "--namespace {}", "--namespace={}", "-qn {}", "-vqn{}"]),
        st.just("namespace"),
    ),
    st.tuples(st.sampled_from(["--release {}", "--release={}"]), st.just("release")),
    st.tuples(st.sampled_from(["--context {}", "--context={}"]), st.just("context")),
    st.tuples(st.sampled_from(["--kubeconfig {}", "--kubeconfig={}"]), st.just("kubeconfig")),
)


def parsed(argv):
    """The global options as the parser understands them, and the words that it leaves to the verb."""
    ctx = ROOT.make_context("fogflow-k8s", list(argv))
    return ctx.params, [*ctx._protected_args, *ctx.args]


@settings(max_examples=scope.examples(300))
@given(
    verb=st.sampled_from(VERBS),
    written=st.lists(st.tuples(FORMS, VALUES, st.integers(0, 2)), max_size=3),
    after=st.sampled_from([[], ["-o", "json"], ["--", "-n", "other", "-q"], ["--set", "a=render"]]),
)
def test_every_verb_gets_the_same_words_wherever_and_however_global_options_are_written(verb, written, after):
    split = after.index("--") if "--" in after else len(after)
    places: list[list[str]] = [[], [], []]  # before the verb, after it, after its own options
    wanted = {}
    for (form, name), value, place in written:
        if form[-2:] == "{}" and form[-3] not in " =" and value.startswith("="):
            continue  # -n=x: the sign belongs to the option
        head, _, tail = form.partition(" ")
        places[place] += [head, tail.format(value)] if tail else [form.format(value)]
        wanted.setdefault(place, {})[name] = value
    argv = [*places[0], verb, *places[1], *after[:split], *places[2], *after[split:]]
    params, rest = parsed(move_global_options_first(argv))
    assert rest == [verb, *after]
    expected = {name: value for place in sorted(wanted) for name, value in wanted[place].items()}
    assert {name: params[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("argv", "wanted"),
    [
        ("status -o json", "json"),
        ("status -ojsonl", "jsonl"),
        ("status --output=json --frobnicate", "json"),
        ("status -wo json", "json"),
        ("status -o json -n", "json"),
        ("status -o json --timeout", "json"),
        ("status -n render -o json", "json"),
        ("--release render status -o jsonl", "jsonl"),
        ("-n render deploy -o json", "json"),
        ("deploy --set render -o json", "json"),
        ("edge list -n render -o json", "json"),
        ("render -o json", ""),  # a folder
        ("-n status render -o json", ""),
        ("deploy --set -o json", ""),
        ("status -n -o json", ""),
        ("status -- -o json", ""),
        ("logs -o json", ""),
        ("frobnicate -o json", ""),
        ("-o json", ""),
        ("", ""),
    ],
)
def test_what_is_told_as_json_is_what_the_verb_itself_was_told(argv, wanted):
    assert _json_format(argv.split()) == wanted


@pytest.mark.parametrize(
    ("text", "expected"), [("90s", 90), ("5m", 300), ("1h30m", 5400), ("7", 7), ("500ms", 0.5), ("1.5m", 90)]
)
def test_durations(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "5 m", "m", "-3s"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(UsageError, match="not a duration"):
        seconds(text)


def test_help_loads_nothing_heavy():
    code = f"import sys, fogflow_k8s.cli; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _with_a_form(command, words=()):
    """Every verb that prints JSON when it is asked to, as its words."""
    if hasattr(command, "commands"):
        return [found for name, each in command.commands.items() for found in _with_a_form(each, (*words, name))]
    return [words] if any("-o" in one.opts and one.type.name != "path" for one in command.params) else []


@pytest.mark.parametrize("words", _with_a_form(typer.main.get_command(app)), ids=" ".join)
def test_every_verb_that_prints_json_tells_its_errors_in_it(words):
    long = (
        [["--output=json"], ["--output", "json"]] if words != ("task", "run") else []
    )  # there it names FogFlow's output
    for asked in (["-o", "json"], ["-ojson"], *long):
        assert _json_format([*words, *asked, "-n", "city"]) == "json"
    assert _json_format([*words, "-n", "json"]) == ""


@pytest.mark.parametrize(
    "given", [{"release": "Fog"}, {"release": "r" * 54}, {"namespace": "n" * 64}, {"namespace": "a.b"}]
)
@pytest.mark.parametrize("helm_needed", [True, False])
def test_a_name_that_cannot_be_is_refused_before_any_program_is_looked_for(given, helm_needed, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    with pytest.raises(UsageError, match=f"--{next(iter(given))} "):
        Session(**given).operation(helm_needed=helm_needed)


def test_a_bug_is_a_document_too_and_its_traceback_is_on_stderr(monkeypatch, capsys):
    def broken(*_, **__):
        raise ZeroDivisionError("by a test")

    monkeypatch.setattr(cli, "app", broken)
    monkeypatch.setattr(cli, "_json_format", lambda _: "json")
    monkeypatch.setattr(cli, "_handle_signals_with", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["fogflow-k8s", "status", "-o", "json"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    out, err = capsys.readouterr()
    document = valid(json.loads(out))
    assert (end.value.code, document["exitCode"]) == (1, 1)
    assert "this is a bug: ZeroDivisionError: by a test" in document["error"]["message"]
    assert "Traceback" in err


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/usr/bin/kubectl-fogflow", "kubectl fogflow"),
        ("/home/x/.local/bin/fogflow-k8s", "fogflow-k8s"),
        ("/site-packages/fogflow_k8s/__main__.py", "fogflow-k8s"),
    ],
)
def test_the_help_of_the_kubectl_plug_in_shows_the_name_under_which_kubectl_runs_it(path, name):
    assert cli.program_name(path) == name


@pytest.mark.parametrize(("command", "hint"), [(["config", "validate"], True), (["check"], True), (["status"], False)])
def test_a_file_given_without_its_option_is_answered_with_the_option(command, hint, monkeypatch, capsys):
    monkeypatch.setattr(cli, "_handle_signals_with", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["fogflow-k8s", *command, "config.json"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert ("--config FILE" in capsys.readouterr().err) is hint


def test_the_version_of_helm_is_told_without_a_cluster(monkeypatch, tmp_path, capsys):
    helm = tmp_path / "helm"
    helm.write_text("#!/bin/sh\nprintf v4.3.1\n")
    helm.chmod(0o755)
    monkeypatch.setenv("HELM", str(helm))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setattr(cli, "_handle_signals_with", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["fogflow-k8s", "version"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    out, err = capsys.readouterr()
    assert end.value.code == 0
    assert "helm        4.3.1\nkubernetes  -\n" in out
    assert "no cluster" in err


@pytest.mark.parametrize(
    ("word", "proposed"),
    [("nodeport", "node-port"), ("LoadBalancer", "load-balancer"), ("ingres", "ingress"), ("vpn", "none")],
)
def test_of_a_few_words_the_closest_is_proposed(word, proposed):
    with pytest.raises(UsageError, match=f"--expose {word}: not one of none, node-port") as refused:
        one_of(word, ("none", "node-port", "load-balancer", "ingress"), "--expose")
    assert refused.value.hint == f"--expose {proposed}"
