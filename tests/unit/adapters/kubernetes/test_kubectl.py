"""The version of kubectl, and whether it fits the server's."""

import pytest

from fogflow_k8s.adapters.kubernetes import kubectl
from fogflow_k8s.adapters.process import SystemRunner


@pytest.mark.parametrize(
    ("version", "good"), [("v1.37.0", True), ("v1.36.9", True), ("v1.38.1", True), ("v1.32.4-x", False), ("v2", False), ("", False)]
)  # fmt: skip
def test_one_minor_version_apart_at_most(version, good):
    assert kubectl.is_within_skew(version, "v1.37.2") is good


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("""echo '{"clientVersion": {"gitVersion": "v1.36.1"}}'""", "v1.36.1"),
        # one that asks the current cluster unless it is given an empty kubeconfig, as Google's does
        (
            """case "$*" in *--kubeconfig=/dev/null*) echo '{"clientVersion": {"gitVersion": "v1.32.4-x"}}';; esac""",
            "v1.32.4-x",
        ),
        ("echo nonsense", ""),
        ("echo '[]'", ""),
        ("exit 1", ""),
    ],
)
def test_the_version_that_kubectl_prints(tmp_path, body, said):
    script = tmp_path / "kubectl"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    assert kubectl.client_version(SystemRunner(), str(script)) == said


def test_no_kubectl(tmp_path):
    assert kubectl.client_version(SystemRunner(), str(tmp_path / "kubectl")) == ""
