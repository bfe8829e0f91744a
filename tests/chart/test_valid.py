"""The chart is accepted by helm, by its own schema, and by two Kubernetes versions' schemas through two checkers."""

from __future__ import annotations

import functools
import json
import subprocess

import pytest

from tests.chart import kubeconform
from tests.chart.conftest import CHART, EXAMPLES, ROOT
from tests.chart.shapes import OURS

BUDGET_S = 20  # helm lints every example, and the first of these tests waits for every render
VERSIONS = ("1.30.0", "1.37.0")
NEWER = {"1.30.0": {"MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"}, "1.37.0": set()}


def of_version(manifests, version):
    """Without the kinds that the chart leaves out there, as the test below shows."""
    return [each for each in manifests if each["kind"] not in NEWER[version]]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_older_kubernetes_is_not_asked_for_what_it_does_not_have(render, version):
    kinds = {each["kind"] for each in render("--kube-version", version)}
    assert kinds & NEWER["1.30.0"] == NEWER["1.30.0"] - NEWER[version]
    namespace = next(each for each in render("--kube-version", version) if each["kind"] == "Namespace")
    enforced = namespace["metadata"]["labels"].get("pod-security.kubernetes.io/enforce")
    assert enforced == (None if NEWER[version] else "baseline"), "enforced only where the worker's pods are put right"


@pytest.mark.parametrize("version", VERSIONS)
def test_our_workers_pods_are_right_as_they_are_made(render, version):
    """So nothing puts them right, and what is wrong is refused on every server."""
    manifests = render("--kube-version", version, "--set", OURS)
    assert not {each["kind"] for each in manifests} & NEWER["1.30.0"]
    namespace = next(each for each in manifests if each["kind"] == "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "baseline"


def test_lint_is_strict_and_clean(helm):
    done = subprocess.run(
        [helm, "lint", "--strict", str(CHART)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_lint_accepts_every_example(helm, path):
    argv = [helm, "lint", "--strict", str(CHART), "--values", str(path), "--namespace", "fogflow"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def distinct(every_render):
    """Every object of every render once."""
    found = {json.dumps(each, sort_keys=True): each for manifests in every_render.values() for each in manifests}
    assert len(found) > 50
    return list(found.values())


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_validate_accepts_every_object(distinct, version, monkeypatch):
    import kubernetes_validate.utils

    # it reads all definitions again for each object
    monkeypatch.setattr(
        kubernetes_validate.utils, "schema_contents", functools.cache(kubernetes_validate.utils.schema_contents)
    )
    for each in of_version(distinct, version):
        if each["kind"] == "HTTPRoute":
            continue  # not Kubernetes' own: kubeconform checks it against our schema
        kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_kubeconform_accepts_every_object_and_skips_none(distinct, version, tmp_path):
    manifests = of_version(distinct, version)
    done = kubeconform.check(manifests, version, tmp_path)
    assert done.returncode == 0, done.stdout
    assert f"Valid: {len(manifests)}, Invalid: 0, Errors: 0, Skipped: 0" in done.stdout


def test_the_checkers_do_object(render, tmp_path):
    """A typo deep in a pod is found: the schemas are closed, so silence above means something."""
    manifests = render()
    next(each for each in manifests if each["kind"] == "Deployment")["spec"]["template"]["spec"]["contaners"] = []
    done = kubeconform.check(manifests, "1.37.0", tmp_path)
    assert done.returncode != 0
    assert "contaners" in done.stdout


def test_generated_files_are_up_to_date():
    import sys

    argv = [sys.executable, str(ROOT / "scripts/generate.py"), "--check"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
