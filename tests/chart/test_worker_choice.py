"""Which worker the chart uses: the same rule as the tool's, said in the notes, and an upgrade keeps the worker that the release has."""

from __future__ import annotations

import json
import subprocess
import threading

import pytest
from pydantic import ValidationError

from fogflow_k8s.model.manifests import RESOURCES
from fogflow_k8s.model.settings.values import Values
from fogflow_k8s.model.settings.worker_choice import used
from tests.chart.renders import CHART, parse
from tests.cli.apiserver import ApiServer

BUDGET_S = 40
REGISTRY = "worker.nativeImage.registry=r.example"
MIRROR = "global.imageRegistry=m.example"
CHOICES = [
    {},
    {"worker": {"nativeImage": {"registry": "r.example"}}},
    {"worker": {"implementation": "upstream", "nativeImage": {"registry": "r.example"}}},
    {"worker": {"implementation": "native", "nativeImage": {"registry": "r.example"}}},
    {"worker": {"implementation": "native"}},
    {"global": {"imageRegistry": "m.example"}},
    {"global": {"imageRegistry": "m.example"}, "worker": {"implementation": "native"}},
]


@pytest.fixture(scope="module")
def cluster():
    """An API server that tells helm which kinds there are; it has no object but those that a test puts into it."""
    lists: dict[str, list] = {}
    for kind, (version, name, namespaced) in RESOURCES.items():
        entry = {"name": name, "kind": kind, "namespaced": namespaced, "verbs": ["get"]}
        lists.setdefault(version, []).append(entry)
    served = [{"groupVersion": each, "version": each.partition("/")[2]} for each in lists if "/" in each]
    groups = [
        {"name": one["groupVersion"].partition("/")[0], "versions": [one], "preferredVersion": one} for one in served
    ]
    server = ApiServer(
        {
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
            **{
                f"/{'apis' if '/' in version else 'api'}/{version}": {
                    "kind": "APIResourceList", "groupVersion": version, "resources": entries,
                }
                for version, entries in lists.items()
            },
        }
    )  # fmt: skip
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def upgrade(cluster, helm, tmp_path):
    """Renders an upgrade of a release whose worker has a configuration with or without `tasks`; the result of helm."""

    def run(*settings, native):
        config = {"worker": {"tasks": {}} if native else {}}
        cluster.objects["/api/v1/namespaces/fogflow/configmaps/cloud-worker-config"] = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "cloud-worker-config", "namespace": "fogflow"},
            "data": {"config.json": json.dumps(config)},
        }
        argv = [helm, "template", "fogflow", str(CHART), "--namespace", "fogflow", "--is-upgrade", "--dry-run=server"]
        argv += ["--kubeconfig", str(cluster.kubeconfig(tmp_path)), "--disable-openapi-validation"]
        argv += [word for setting in settings for word in ("--set", setting)]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)

    return run


def flat(values, prefix=""):
    for key, value in values.items():
        yield from flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key}={value}"]


@pytest.mark.parametrize("values", CHOICES, ids=lambda values: ",".join(flat(values)) or "default")
def test_the_chart_and_the_tool_choose_the_same_worker_and_refuse_the_same_values(helm_template, values):
    done = helm_template(*[word for setting in flat(values) for word in ("--set", setting)])
    try:
        expected = "native" if Values.model_validate(values).worker.keeps_tasks else "upstream"
    except ValidationError as error:
        assert done.returncode != 0
        for text in (str(error), done.stderr):
            assert "worker.nativeImage.registry" in text
            assert "images build --push" in text
            assert "worker.implementation" in text
        return
    assert done.returncode == 0, done.stderr
    assert used(parse(done.stdout)) == expected


@pytest.mark.parametrize("native", [False, True])
def test_an_upgrade_keeps_the_worker_that_the_release_has(upgrade, native):
    done = upgrade(REGISTRY, native=native)
    assert done.returncode == 0, done.stderr
    assert used(parse(done.stdout)) == ("native" if native else "upstream")


@pytest.mark.parametrize("asked", ["upstream", "native"])
def test_an_upgrade_changes_the_worker_when_the_values_name_one(upgrade, asked):
    done = upgrade(REGISTRY, f"worker.implementation={asked}", native=asked == "upstream")
    assert used(parse(done.stdout)) == asked


def test_an_upgrade_of_a_native_release_without_a_registry_fails_with_two_ways_out(upgrade):
    done = upgrade(native=True)
    assert done.returncode != 0
    assert "this release has it" in done.stderr
    assert "--set worker.nativeImage.registry=REGISTRY" in done.stderr
    assert "--set worker.implementation=upstream" in done.stderr


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (MIRROR, "Worker: upstream (worker.implementation is auto, and worker.nativeImage.registry is empty)."),
        (REGISTRY, "Worker: native; tasks keep running while it is replaced."),
        ("worker.implementation=upstream", "Worker: upstream."),
    ],
)
def test_the_notes_say_which_worker_it_is(renders, settings, line):
    assert line in renders.notes("--set", settings)
