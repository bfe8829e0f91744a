"""docs/cli.md is generated from the parser; its handwritten parts, examples and exit codes, are complete."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import reference


def test_every_verb_has_an_example_that_begins_with_it():
    for name in reference.names():
        assert reference.EXAMPLES[name], name
        assert all(f"fogflow-k8s {name}" in example for example in reference.EXAMPLES[name]), name


def test_the_page_names_every_option_and_every_exit_code():
    page = reference.reference()
    assert "`--rollback-on-failure`, `--no-rollback-on-failure`" in page
    assert "| `--timeout` | How long to wait, like 90s, 5m, 1h. (default 5m) |" in page
    assert "| 30 | timeout while the rollout was still progressing" in page
