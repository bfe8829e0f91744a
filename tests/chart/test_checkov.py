"""What an independent judge of manifests finds in the chart: little, and all of it named in docs/security.md with its reason."""

from __future__ import annotations

import hashlib
import re

import pytest

from tests.chart import checkov
from tests.chart.conftest import EXAMPLES, ROOT
from tests.chart.shapes import OURS
from tests.scope import only_all

pytestmark = [only_all, pytest.mark.xdist_group("checkov")]  # one process runs it, once
NAMED = ("--set", "rabbitmq.auth.existingSecret=fogflow-rabbitmq")
PARTS = ("rabbitmq", "discovery", "broker", "master", "worker", "designer", "nginx", "keeper", "bootstrap")
PINNED = ",".join(f"{part}.image.digest=sha256:{hashlib.sha256(part.encode()).hexdigest()}" for part in PARTS)
RENDERS = {
    "default": (),
    "exposed": ("--values", str(next(path for path in EXAMPLES if path.stem == "ingress"))),
    "pinned": ("--set", PINNED),
    "with dgraph": ("--set", "dgraph.enabled=true"),
    "our worker": ("--set", OURS),
}


@pytest.fixture(scope="module")
def found(helm_template, tmp_path_factory):
    texts = {name: helm_template(*NAMED, *arguments).stdout for name, arguments in RENDERS.items()}
    program = checkov.installed(ROOT / ".work/checkov")
    return checkov.findings(program, texts, tmp_path_factory.mktemp("checkov"))


@pytest.fixture(scope="module")
def page():
    """Id -> who, out of the page's table; empty for all workloads."""
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (CKV2?_K8S_\d+) \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    assert all(len(reason) > 40 for _, _, reason in rows), "a reason is a sentence"
    return {id_: set() if who == "all" else set(re.findall(r"[a-z-]+", who)) for id_, who, _ in rows}


@pytest.mark.parametrize(
    ("render", "most"), [("default", 2.5), ("exposed", 2.5), ("pinned", 0.5), ("with dgraph", 2.5), ("our worker", 2.4)]
)
def test_findings_per_workload_are_few(found, render, most):
    """Upstream's chart has 16.4."""
    assert checkov.per_workload(found[render]) <= most, found[render]


def test_every_finding_is_named_with_who_has_it_and_why(found, page):
    everybody = {workload.partition("/")[2] for workload in found["default"]}
    expected = {id_: who or everybody for id_, who in page.items()}
    assert checkov.by_id(found["default"]) == expected


@pytest.mark.parametrize("render", ["exposed", "with dgraph", "our worker"])
def test_other_ways_of_installing_bring_no_other_finding(found, page, render):
    assert checkov.by_id(found[render]).keys() == page.keys()


def test_our_worker_has_none_of_upstreams_own_findings(found, page):
    """Its kubelet can ask it, and it is watched by no one else."""
    everybody = {workload.partition("/")[2] for workload in found["our worker"]}
    less = {id_: (who or everybody) - {"cloud-worker"} if who else everybody for id_, who in page.items()}
    assert checkov.by_id(found["our worker"]) == less


def test_digests_leave_only_what_is_in_the_nature_of_a_component(found, page):
    assert checkov.by_id(found["pinned"]) == {id_: who for id_, who in page.items() if who}


def test_checkov_sees_what_is_wrong(found, helm_template, tmp_path):
    """A workload made worse is found: few findings above mean something."""
    assert set(found["default"]) >= {"Deployment/discovery", "Job/fogflow-cleanup", "Pod/reverse-proxy-test"}
    text = helm_template(*NAMED).stdout.replace("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true")
    worse = checkov.findings(checkov.installed(ROOT / ".work/checkov"), {"worse": text}, tmp_path)["worse"]
    assert "CKV_K8S_20" in worse["Deployment/discovery"]
