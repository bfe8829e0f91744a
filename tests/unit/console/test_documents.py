"""Every JSON document is valid under its published schema in docs/schema, and the schemas are strict and consistent."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.shapes import OUTCOMES, REPORTS, ready, report
from tests.documents import SCHEMAS, valid
from typer.main import get_command

from fogflow_k8s.actions.check.check import CheckReport
from fogflow_k8s.actions.edge.cloud import EdgeList
from fogflow_k8s.actions.edge.join import JoinResult
from fogflow_k8s.actions.edge.probe import SiteState
from fogflow_k8s.actions.observe.verify import Proof, Step
from fogflow_k8s.cli import app
from fogflow_k8s.console import checkup, documents, edge, facts
from fogflow_k8s.engine.checks import Check, CheckOutcome, run
from fogflow_k8s.errors import EdgeRefused, FogflowError, Forbidden
from fogflow_k8s.model.diagnosis.assessment import Assessment, Snapshot
from fogflow_k8s.model.diagnosis.catalogue import ENTRIES
from fogflow_k8s.model.diagnosis.health_report import HealthReport, Member
from fogflow_k8s.model.edge.sites import Edge
from fogflow_k8s.model.edge.token import Endpoint, Token
from fogflow_k8s.sandbox.lifecycle import Status

BUDGET_S = 5
GOLDEN = Path(__file__).parents[2] / "cli/golden"
WHOLE = json.loads((GOLDEN / "outcome-rolled-back.json").read_text(encoding="utf-8"))
PROOF = Proof((Step("publish", ok=True, why="", ms=12.34), Step("subscribe", ok=False, why="no answer", ms=5000)))
TOKEN = Token("id", "002", Endpoint("a", 1), Endpoint("b", 2), Endpoint("c", 3), "cloud", "edge-002", "secret")
REPAIRS = (
    {"what": "restart master", "why": "it has no consumer", "when": "2026-03-04T11:59:00Z"},
    {"what": "ordered restart", "why": "RabbitMQ restarted", "seconds": 31.5},
)


def tried(*found):
    return tuple(run([Check(f"check-{i}", "it holds", lambda each=each: each) for i, each in enumerate(found)]))


def watched(**more):
    return report(Assessment((ready("master"),), (), (), Snapshot(health=HealthReport(**more))))


@pytest.mark.parametrize(
    "path", sorted(set(GOLDEN.glob("*.json")) - {GOLDEN / "bundle-index.json"}), ids=lambda p: p.stem
)
def test_every_golden_document_has_the_form_of_its_schema(path):
    valid(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "document",
    [
        documents.report_document(watched()),
        documents.report_document(
            watched(state="working", age_s=3.21, members=(Member("master", "ok"),), repairs=REPAIRS, checked=True)
        ),
        documents.proof_document(PROOF),
        documents.error_document(FogflowError("it failed")),
        documents.error_document(EdgeRefused("FK-6101", "expired", hint="one\ntwo")),
        documents.error_document(Forbidden("rights are missing", hint="apply it", manifest="kind: Role\n")),
        checkup.document(CheckReport("kind-city", "https://192.0.2.1", "fogflow", tried(CheckOutcome(ok=True)))),
        checkup.document(
            CheckReport("c", "s", "n", tried(CheckOutcome(ok=False, detail="it is 1", remedy="make it 2")))
        ),
        edge.token_document(TOKEN, "text"),
        edge.list_document(EdgeList((Edge("002", "open"), Edge("003", "joined", 1, True, False, "u", "s", 2)), ("4",))),
        edge.joined_document(JoinResult(OUTCOMES["installed"], "002", "http://192.0.2.7:8060")),
        edge.joined_document(
            JoinResult(OUTCOMES["installed"], "002", "http://192.0.2.7:8060", SiteState(True, 1, True))
        ),
        facts.explain_document(sorted(ENTRIES)),
        facts.version_document({"tool": "1", "chart": "1", "fogflow": "3", "helm": "4", "kubernetes": "1.35"}, ()),
        facts.version_document({"tool": "1", "chart": "1", "fogflow": "3", "helm": "", "kubernetes": ""}, ("no helm",)),
        facts.sandbox_document(Status("default", "absent", {}, {}, "", "context", "")),
        facts.sandbox_document(Status("x", "degraded", {"etcd": True}, {"n": False}, "s", "c", "k", False, ["n"])),
        *map(documents.outcome_document, OUTCOMES.values()),
        *map(documents.report_document, REPORTS.values()),
    ],
    ids=lambda document: document["kind"],
)
def test_every_other_document_has_it_too(document):
    assert list(valid(document))[:2] == ["apiVersion", "kind"]


def objects_in(node, path=()):
    """The path of every object in a document."""
    if isinstance(node, dict):
        yield path
    for key, value in node.items() if isinstance(node, dict) else enumerate(node if isinstance(node, list) else ()):
        yield from objects_in(value, (*path, key))


def at(document, path):
    for key in path:
        document = document[key]
    return document


def refused(document):
    with pytest.raises(AssertionError):
        valid(document)


@pytest.mark.parametrize("path", [p for p in objects_in(WHOLE) if p != ("taskPods",)], ids=str)
def test_an_unknown_key_and_a_missing_one_are_refused_everywhere(path):
    for key in at(WHOLE, path):
        if (*path, key) != ("kind",):
            less = copy.deepcopy(WHOLE)
            del at(less, path)[key]
            refused(less)
    more = copy.deepcopy(WHOLE)
    at(more, path)["unknown"] = None
    refused(more)


@pytest.mark.parametrize(
    ("path", "value"),
    [(("apiVersion",), "fogflow-k8s/v2"), (("state",), "well"), (("exitCode",), "0"), (("causes", 0, "evidence"), "a line"), (("release",), None)],
    ids=str,
)  # fmt: skip
def test_a_value_of_another_type_is_refused(path, value):
    other = copy.deepcopy(WHOLE)
    at(other, path[:-1])[path[-1]] = value
    refused(other)


def test_every_component_has_the_same_keys():
    found = documents.report_document(REPORTS["failed"])["components"]
    assert {each["state"] for each in found} >= {"ready", "waiting", "disabled"}
    assert len({tuple(each) for each in found}) == 1


CHOICES = {"kind", "type", "state", "action"}  # of words, which differ with the thing
SOME_KEYS = {"release", "cluster", "components", "images", "durations"}  # the same thing, with more or fewer keys


def test_no_verb_loads_the_types_or_pydantic_to_make_a_document():
    code = "import sys; from fogflow_k8s.console import documents, jsonl, facts; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in loaded if name.startswith(("fogflow_k8s.console.schema.", "pydantic"))]


def verbs_with_json(command, words=()):
    """Every command with a JSON output format."""
    for name, each in command.commands.items():
        if hasattr(each, "commands"):
            yield from verbs_with_json(each, (*words, name))
        elif any("-o" in one.opts and "json" in (one.help or "") for one in each.params):
            yield " ".join((*words, name))


def test_every_verb_with_json_has_a_document():
    descriptions = " ".join(
        json.loads(path.read_text(encoding="utf-8")).get("description", "") for path in SCHEMAS.glob("*.json")
    )
    verbs = list(verbs_with_json(get_command(app)))
    assert len(verbs) > 20
    assert [verb for verb in verbs if f"`{verb}`" not in descriptions] == []


def keys_of(node):
    for name, value in node.get("properties", {}).items():
        yield name, value
        yield from keys_of(value)
    for each in node.get("definitions", {}).values():
        yield from keys_of(each)


EARLIER_NAMES = {"seconds", "bytes", "ms", "docs", "says", "mend", "why", "cell"}  # codespell:ignore mend


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda p: p.stem)
def test_every_key_is_described_and_in_camel_case(path):
    for name, schema in keys_of(json.loads(path.read_text(encoding="utf-8"))):
        assert schema["description"].endswith("."), name
        assert re.fullmatch(r"[a-z][a-zA-Z0-9]*", name), name
        assert name not in EARLIER_NAMES, name


def test_a_key_has_the_same_type_in_all_documents():
    types = {}
    for path in sorted(SCHEMAS.glob("*.json")):
        for name, schema in keys_of(json.loads(path.read_text(encoding="utf-8"))):
            types.setdefault(name, set()).add(json.dumps(shape(schema), sort_keys=True))
    assert not {name: found for name, found in types.items() if len(found) > 1}.keys() - CHOICES - SOME_KEYS


def shape(schema):
    """The type that a schema asks for, without null, which only means that the value may be absent."""
    kept = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    (one,) = kept[:1] or [schema]
    reference = one.get("$ref") or next((each["$ref"] for each in one.get("allOf", ())), None)
    return reference or one.get("type"), one.get("enum"), one.get("items"), one.get("additionalProperties")
