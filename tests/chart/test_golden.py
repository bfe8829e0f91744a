"""The objects of a default installation, to be read in a review; and the same input gives the same bytes.

What values change is asserted by the other tests of this folder; a file here would only repeat it.
"""

from __future__ import annotations

import re

from tests.chart import canonical
from tests.chart.shapes import pods

NAMED = ("--set", "rabbitmq.auth.existingSecret=fogflow-rabbitmq")


def test_golden(render, golden):
    golden("default.yaml", canonical.whole(render(*NAMED)))


def test_a_changed_script_changes_no_golden_file(render):
    """Golden files show neither its text nor its checksum."""
    before, after = render(*NAMED), render(*NAMED)
    changed = 0
    for each in after:
        for name in each.get("data", {}) if each["kind"] == "ConfigMap" else ():
            if name.endswith(".py"):
                each["data"][name] += "# a comment\n"
                changed += 1
    for _, pod in pods(after):
        annotations = pod["metadata"].get("annotations", {})
        for name in annotations:
            if name.startswith("checksum/"):
                annotations[name] = "0" * 64
                changed += 1
    assert changed > 20
    assert before != after
    assert canonical.whole(before) == canonical.whole(after)
    assert not canonical.difference(before, after)


def test_the_same_input_gives_the_same_bytes(renders):
    first, second = renders.template(*NAMED).stdout, renders.template_anew(*NAMED).stdout
    assert first == second


def test_only_the_generated_password_differs_without_a_named_secret(renders):
    first, second = (
        re.sub(r"password: \S+\n", "", each().stdout) for each in (renders.template, renders.template_anew)
    )
    assert first == second
