"""Faults on real nodes are named as on simulated ones."""

from pathlib import Path

import pytest

from tests.faults import page
from tests.faults.fault import check, helm_says, named
from tests.faults.real import FAULTS
from tests.scope import ALL, only_all
from tests.sites import Site

BUDGET_S = 200
GATE = ("FK-4005", "FK-5002")
"""Words that only a real kubelet says. Of the others, all that is asked of the cluster is in tests/cluster/test_diagnosis.py, too."""


def place(box, namespace, folder):
    """A namespace on real nodes, as the cluster tests have it on simulated ones."""
    folder.mkdir(exist_ok=True)
    programs = {"KUBECTL": box.kubectl_path, "HELM": str(Path(box.kubectl_path).with_name("helm"))}
    return Site(programs, namespace, folder, box.env)


@pytest.mark.parametrize("fault", [pytest.param(f, marks=() if f.id in GATE else only_all, id=f.name) for f in FAULTS])
def test_the_headline(box, fault, tmp_path):
    names = [f"{who}-{FAULTS.index(fault)}" for who in ("fault", "helm")]  # several faults have one id
    try:
        site = place(box, names[0], tmp_path / "ours")
        found = named(site, fault)
        other = place(box, names[1], tmp_path / "helms")
        helm = helm_says(other, fault, page.HELM_S) if ALL else None
        page.record(fault, found, nodes="real", helm=helm)
        check(fault, found, site.stderr)
    finally:
        gone = [name for each in names for name in (each, f"{each}-tasks")]
        box.kubectl("delete", "namespace", *gone, "--ignore-not-found", "--wait=false", check=False)
