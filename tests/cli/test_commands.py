"""Whole command lines in a process of their own: exit codes, what is printed on which stream, and what --help loads."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from fogflow_k8s.actions.settings.explain import keys_below
from fogflow_k8s.cli import app
from fogflow_k8s.model.diagnosis.catalogue import ENTRIES
from tests.documents import parse

BUDGET_S = 60

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "kubernetes", "docker", "jinja2", "pydantic", "rich", "yaml", "cryptography", "urllib3",
    "fogflow_k8s.model.diagnosis.catalogue",
)  # fmt: skip


def _verbs(group, path=()):
    """Every command line that names a verb, as words."""
    for name, command in group.commands.items():
        yield from _verbs(command, (*path, name)) if hasattr(command, "commands") else [[*path, name]]


APP = typer.main.get_command(app)
VERBS = list(_verbs(APP))
GROUPS = [[name] for name, command in APP.commands.items() if hasattr(command, "commands")]
BAD = {
    "empty.json": ("", "empty.json is empty"),
    "cut.json": ('{\n  "site_id": "001",\n  "worker": {', "cut.json:3: not JSON"),
    "list.json": ("[]", "list.json: a mapping of keys is needed at the top"),
    "type.json": ('{\n  "worker": {\n    "capacity": "many"}}', "type.json:3: worker.capacity: must be a whole number"),
    "key.json": ('{\n  "sight_id": "001"\n}', "key.json:2: sight_id: unknown key; did you mean site_id?"),
    "twice.json": ('{\n  "site_id": "1",\n  "site_id": "2"\n}', "twice.json:3: site_id is given twice"),
    "empty.yaml": ("", "empty.yaml is empty"),
    "cut.yaml": ("config:\n  worker: {capacity: 3\n", "cut.yaml:3: not YAML"),
    "list.yaml": ("- a\n", "list.yaml: a mapping of keys is needed at the top"),
    "type.yaml": ("config:\n  worker:\n    capacity: many\n", "type.yaml:3: config.worker.capacity: must be a whole"),
    "key.yaml": ("master:\n  imag: {}\n", "key.yaml:2: master.imag: unknown key; did you mean image?"),
}


@pytest.mark.parametrize("words", [[], *VERBS, *GROUPS], ids=" ".join)
def test_help_is_plain_and_loads_nothing_heavy(words):
    code = (
        "import sys; from fogflow_k8s.cli import main\n"
        f"sys.argv = ['fogflow-k8s', *{words!r}, '--help']\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"print('loaded', [m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: fogflow-k8s" + "".join(f" {w}" for w in words))
    assert "\x1b" not in done.stdout
    assert done.stderr == "loaded []\n"


@pytest.mark.parametrize("words", [[], *GROUPS], ids=" ".join)
def test_the_help_of_a_group_cuts_no_sentence_off(tool, words):
    listed = tool(*words, "--help", COLUMNS="60").stdout.partition("--help")[2]
    assert "..." not in listed
    assert listed.count("\n") > 3


def test_the_help_lists_every_verb_below_the_heading_of_its_purpose(tool):
    text = tool("--help").stdout.partition("--help")[2]
    sections = dict(re.findall(r"^(\S.*):\n((?:  .*\n)+)", text, re.MULTILINE))
    assert list(sections) == [
        "Deploy and use FogFlow",
        "Inspect and find problems",
        "Operate",
        "Edges",
        "Local clusters",
    ]
    listed = [name for lines in sections.values() for name in re.findall(r"^  (\S+)", lines, re.MULTILINE)]
    assert sorted(listed) == sorted(APP.commands)
    assert "  deploy " in sections["Deploy and use FogFlow"]


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_an_unknown_option_is_a_usage_error_on_stderr(tool, words):
    done = tool(*words, "--unknown")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--unknown" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["unknown"], "No such command 'unknown'"),
        (["deploy", "--expose", "telepathy"], "telepathy"),
        (["config", "explain", "expose.typ"], "expose.type"),
    ],
    ids=str,
)
def test_a_word_that_is_not_known_is_a_usage_error(tool, words, message):
    done = tool(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


@pytest.mark.parametrize("verb", ["deploy", "diff", "status", "rollback", "history", "version"])
def test_an_unknown_format_names_the_allowed_ones(tool, verb):
    done = tool(verb, "-o", "yaml")
    assert (done.returncode, done.stdout) == (2, "")
    more = {"status": "short, json, jsonl", "deploy": "json, jsonl", "rollback": "json, jsonl"}
    assert f"not one of table, {more.get(verb, 'json')}\n" in done.stderr


@pytest.mark.parametrize("verb", ["deploy", "status", "rollback", "uninstall", "restart"])
def test_a_bad_duration_is_told_before_any_cluster_is_asked(tool, verb):
    done = tool(verb, "--timeout", "soon")
    assert done.returncode == 2, done.stderr
    assert "'soon' is not a duration" in done.stderr


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_told_with_its_line_and_nothing_is_written(tool, tmp_path, name):
    text, message = BAD[name]
    (tmp_path / name).write_text(text, encoding="utf-8")
    done = tool("render", "-o", "out", "--config" if name.endswith(".json") else "--values", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


def test_every_problem_is_told_at_once(tool, tmp_path):
    (tmp_path / "config.json").write_text(BAD["type.json"][0], encoding="utf-8")
    (tmp_path / "values.yaml").write_text(BAD["key.yaml"][0], encoding="utf-8")
    done = tool("render", "-o", "out", "--config", "config.json", "--values", "values.yaml", "--set", "replicaCount=x")
    assert done.returncode == 2
    assert "3 problems" in done.stderr
    assert all(p in done.stderr for p in ("config.json:3: ", "values.yaml:2: ", "--set: replicaCount: "))


@pytest.mark.parametrize("way", ["none", "node-port", "load-balancer", "ingress", "gateway"])
def test_an_address_and_another_way_in_contradict_each_other(tool, way):
    done = tool("deploy", "--external-ip", "192.0.2.10", "--expose", way)
    assert done.returncode == 2
    assert f"--external-ip and --expose {way} contradict each other" in done.stderr


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (2, ["deploy", "--external-ip", "192.0.2.10", "--expose", "none"]),
        (2, ["deploy", "--config", "absent.json"]),
        (2, ["deploy", "--set", "replicaCount=x"]),
        (11, ["status"]),
        (11, ["history"]),
        (11, ["rollback", "--yes"]),
    ],
    ids=str,
)
def test_an_error_with_json_wanted_is_one_document_and_nothing_else(tool, code, words):
    done = tool(*words, "-o", "json")
    document = parse(done.stdout)
    assert (done.returncode, document["exitCode"], document["kind"]) == (code, code, "Error")
    assert document["error"]["message"]
    assert document["error"]["remedy"]


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("deploy --dry-run", "deploy"),
        ("-n status deploy --timeout", "deploy"),
        ("edge token create --site", "edge token create"),
        ("deploy --yes=1", "deploy"),
        ("status -n", "status"),
    ],
)
def test_an_option_without_its_value_leads_to_the_help_of_the_command(tool, line, command):
    done = tool(*line.split(), code=2)
    assert f"  Next: fogflow-k8s {command} -h lists the options and their values\n" in done.stderr


def test_a_usage_error_with_json_wanted_is_a_document_too(tool):
    assert parse(tool("status", "-o", "json", "--unknown").stdout)["exitCode"] == 2


@pytest.mark.parametrize("words", [["status"], ["deploy", "--expose", "none"]], ids=" ".join)
def test_without_a_cluster_the_sandbox_is_named(tool, words):
    done = tool(*words)
    assert (done.returncode, done.stdout) == (11, "")
    assert "fogflow-k8s sandbox up" in done.stderr


def test_explain_tells_meaning_range_default_and_origin(tool):
    done = tool("config", "explain", "config.worker.capacity", "--set", "config.worker.capacity=25")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "config.worker.capacity",
        "  Maximum number of tasks per worker. When all workers are full, the master drops new tasks permanently and without a message.",
        "  allowed  integer from 1 to 10000",
        "  default  100",
        "  value    25  (--set)",
    ]


def test_explain_says_which_line_of_which_file_has_the_last_word(tool, tmp_path):
    values = tmp_path / "values.yaml"
    values.write_text("replicaCount: 3\nrabbitmq:\n  auth:\n    password: topsecret-topsecret\n")
    done = tool("config", "explain", "replicaCount", "--values", values)
    assert f"value    3  ({values}:1)" in done.stdout
    done = tool("config", "explain", "replicaCount", "--values", values, "--set", "replicaCount=4")
    assert "value    4  (--set)" in done.stdout
    for key in ("rabbitmq", "rabbitmq.auth", "rabbitmq.auth.password"):
        done = tool("config", "explain", key, "--values", values)
        assert "topsecret-topsecret" not in done.stdout
        assert "********" in done.stdout


@pytest.mark.parametrize(
    ("started", "offered"),
    [("repl", ["replicaCount"]), ("expose.ty", ["expose.type"]), ("imageP", []), ("nothing.", [])],
)
def test_keys_are_completed_part_by_part(started, offered):
    assert keys_below(started) == offered


@pytest.mark.parametrize("id_", ["FK-4001", "fk-4001", "4001"])
def test_an_id_is_explained_however_it_is_written(tool, id_):
    done = tool("explain", id_)
    assert done.stdout.startswith("FK-4001\n\nThe image does not exist.")
    assert "> check COMPONENT.image in your values" in done.stdout
    assert parse(tool("explain", id_, "-o", "json").stdout)["explanations"][0]["class"] == "permanent"


def test_all_ids_are_listed_and_an_unknown_one_names_the_nearest(tool):
    assert len(tool("explain").stdout.splitlines()) == len(ENTRIES)
    done = tool("explain", "FK-4100")
    assert done.returncode == 2
    assert "did you mean FK-40" in done.stderr


def test_explain_of_an_unknown_key_names_the_nearest(tool):
    done = tool("config", "explain", "config.worker.capacty")
    assert done.returncode == 2
    assert "did you mean config.worker.capacity?" in done.stderr


def test_validate_of_good_settings_says_so_on_stderr(tool):
    done = tool("config", "validate", "--config", ROOT / "examples/config.json")
    assert (done.returncode, done.stdout) == (0, "")
    assert "the settings are valid" in done.stderr


def test_render_writes_the_same_bytes_twice(tool, tmp_path, helm):
    settings = ("--config", ROOT / "examples/config.json", "--external-ip", "192.0.2.10")
    made = []
    for folder in ("one", "two", "two"):
        done = tool("render", "-o", folder, *settings, HELM=helm)
        assert done.returncode == 0, done.stderr
        assert [Path(line).parent.name for line in done.stdout.splitlines()] == [folder] * 4
        made.append({p.name: p.read_bytes() for p in (tmp_path / folder).iterdir()})
    assert made[0] == made[1] == made[2]
    assert set(made[0]) == {"config.json", "values.yaml", "values.schema.json", "manifests.yaml"}


def test_what_render_wrote_is_accepted_again_and_means_the_same(tool, tmp_path, helm):
    first = tool(
        "render", "-o", "one", "--config", ROOT / "examples/config.json", "--external-ip", "192.0.2.10", HELM=helm
    )
    again = tool("render", "-o", "two", "--values", "one/values.yaml", HELM=helm)
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert (tmp_path / "one/manifests.yaml").read_bytes() == (tmp_path / "two/manifests.yaml").read_bytes()


def test_every_cause_has_a_title_and_every_real_one_a_remedy():
    assert all(e.title for e in ENTRIES.values())
    assert all(e.advice for e in ENTRIES.values() if e.kind != "blocked")
