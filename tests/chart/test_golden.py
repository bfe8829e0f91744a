"""Renders as plain YAML, to be read in a review; and the same input gives the same bytes."""

from __future__ import annotations

import re

import pytest

from tests.chart.conftest import EXAMPLES

NAMED = ("--set", "rabbitmq.auth.existingSecret=fogflow-rabbitmq")
# the full picture once; of the others what differs from it is enough, and that is what their own files show
GOLDEN = (
    "default",
    "external-rabbitmq",
    "gateway",
    "ingress",
    "own-worker",
    "persistence",
    "private-registry",
    "several",
    "upstream-keys",
)


def _blocks(text: str) -> dict[str, str]:
    """Template path -> its text; the gate's program is left out: it has its own tests."""
    blocks: dict[str, str] = {}
    for block in text.split("\n---\n"):
        match = re.search(r"# Source: fogflow-chart/templates/(\S+)", block)
        if match and "gate/configmap" not in match[1]:
            blocks[match[1]] = block.strip().removeprefix("---\n")
    return blocks


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name, helm_template, golden):
    values = [] if name == "default" else ["--values", str(next(path for path in EXAMPLES if path.stem == name))]
    own_secret = name in {"external-rabbitmq", "private-registry"}
    blocks = _blocks(helm_template(*values, *(() if own_secret else NAMED)).stdout)
    if name != "default":
        base = _blocks(helm_template(*NAMED).stdout)
        gone = "".join(f"# gone: {path}\n" for path in sorted(base.keys() - blocks.keys()))
        blocks = {path: text for path, text in blocks.items() if base.get(path) != text}
    else:
        gone = ""
    golden(f"{name}.yaml", gone + "\n---\n".join(blocks[path] for path in sorted(blocks)) + "\n")


def test_the_same_input_gives_the_same_bytes(helm_template):
    first, second = (helm_template(*NAMED).stdout for _ in range(2))
    assert first == second


def test_only_the_generated_password_differs_without_a_named_secret(helm_template):
    first, second = (re.sub(r"password: \S+\n", "", helm_template().stdout) for _ in range(2))
    assert first == second
