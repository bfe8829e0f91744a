"""Reads what `-o json` and `-o jsonl` print, and holds it to the published schema of its kind."""

import json
import re
from functools import cache
from pathlib import Path

import jsonschema

SCHEMAS = Path(__file__).parents[1] / "docs/schema"


def parse(text):
    """The document, which its schema accepts. Raises AssertionError for one that it refuses."""
    return valid(json.loads(text))


def valid(document):
    """The same document, which its schema accepts. Raises AssertionError for one that it refuses."""
    problems = [f"{error.json_path}: {error.message}" for error in _validator(document["kind"]).iter_errors(document)]
    assert not problems, (document["kind"], problems)
    return document


@cache
def _validator(kind):
    path = SCHEMAS / f"{re.sub(r'(?<!^)(?=[A-Z])', '-', kind).lower()}.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)
