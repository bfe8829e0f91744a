"""The chart is accepted by helm, by its own schema, and by two Kubernetes versions' schemas through two checkers."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml

from tests.chart.conftest import CHART, EXAMPLES, ROOT
from tests.chart.shapes import OURS

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


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_validate_accepts_every_object(every_render, version):
    import kubernetes_validate

    distinct = {json.dumps(each, sort_keys=True): each for manifests in every_render.values() for each in manifests}
    assert len(distinct) > 50
    for each in of_version(distinct.values(), version):
        if each["kind"] == "HTTPRoute":
            continue  # not Kubernetes' own: kubeconform checks it against our schema
        kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_kubeconform_accepts_every_object_and_skips_none(every_render, kubeconform, schemas, version, tmp_path):
    for name, manifests in every_render.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump_all(of_version(manifests, version)), encoding="utf-8")
    location = f"{schemas(version)}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    argv = [kubeconform, "-strict", "-summary", "-schema-location", location, str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    assert "Invalid: 0, Errors: 0, Skipped: 0" in done.stdout


def test_the_checkers_do_object(kubeconform, schemas, tmp_path, render):
    """A typo deep in a pod is found: the schemas are closed, so silence above means something."""
    manifests = render()
    next(each for each in manifests if each["kind"] == "Deployment")["spec"]["template"]["spec"]["contaners"] = []
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump_all(manifests), encoding="utf-8")
    location = f"{schemas('1.37.0')}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    argv = [kubeconform, "-strict", "-schema-location", location, str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert "contaners" in done.stdout


def test_generated_files_are_up_to_date():
    import sys

    argv = [sys.executable, str(ROOT / "scripts/generate.py"), "--check"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
