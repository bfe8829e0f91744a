"""The screens and documents of `images`, and its usage errors."""

import pytest

from fogflow_k8s.actions.images.build import BuiltImage
from fogflow_k8s.actions.images.check import ImageReport, RegistryAnswer
from fogflow_k8s.actions.images.listing import ImageUses
from fogflow_k8s.actions.images.mirror import Failure, ImageCopy, MirrorResult
from fogflow_k8s.console import images as screens
from fogflow_k8s.engine.checks import Check, CheckOutcome, run
from fogflow_k8s.model.image.reference import Use, parse
from tests.cli.test_screens import as_json, drawn

BUDGET_S = 15

SHA = "sha256:" + "ab" * 32
BROKER = Use(parse("docker.io/fogflow/broker:3.2.8"), ("cloud-broker",), ({},), ("any",))
PYTHON = Use(parse(f"r.example:5000/library/python:3@{SHA}"), ("keeper", "nginx"), ({},), ("any", "linux/arm64"))
WANTED = ImageUses((BROKER, PYTHON), ())
FOUND = [
    Check(
        "image",
        "docker.io/fogflow/broker:3.2.8",
        lambda: CheckOutcome(False, "docker.io cannot be reached", "is there a way?"),
    ),
    Check(
        "image",
        "docker.io/fogflow/master:3.2.8",
        lambda: CheckOutcome(False, "docker.io cannot be reached", "is there a way?"),
    ),
    Check(
        "image", "r.example:5000/library/python:3", lambda: CheckOutcome(True, "sha256:abababababab for linux/amd64")
    ),
    Check("rate", "pulls from docker.io", lambda: CheckOutcome(False, "1 of 100 are left", "mirror"), warning=True),
]
CHECKED = {
    "failed": ImageReport(WANTED, {str(BROKER.image): RegistryAnswer(), str(PYTHON.image): RegistryAnswer(SHA, ("linux/amd64",), "Secret pull")}, tuple(run(FOUND))),
    "ok": ImageReport(ImageUses((PYTHON,), ()), {str(PYTHON.image): RegistryAnswer(SHA, ("linux/amd64",))}, tuple(run(FOUND[2:]))),
}  # fmt: skip
MIRRORED = MirrorResult(
    (
        ImageCopy("docker.io/a:1", f"r.example/x/a:1@{SHA}", SHA, changed=True, sent=2, there=1, size=3 << 20),
        ImageCopy("docker.io/b:1", f"r.example/x/b:1@{SHA}", SHA, changed=False, sent=0, there=0, size=0),
    ),
    (Failure("docker.io/c:1", "docker.io has no library/c:1", "is name and tag right?"),),
    {"global": {"imageRegistry": "r.example/x"}},
)


def test_the_list(golden):
    golden("images-list.txt", drawn(screens.list_screen(WANTED)))
    golden("images-list.json", as_json(screens.list_document(WANTED)))


@pytest.mark.parametrize("name", CHECKED)
def test_the_check(golden, name):
    golden(f"images-check-{name}.txt", drawn(screens.check_screen(CHECKED[name])))
    golden(f"images-check-{name}.json", as_json(screens.checked_document(CHECKED[name])))


@pytest.mark.parametrize("pushed", ["", SHA])
def test_the_build(golden, pushed):
    built = BuiltImage(
        "localhost/fogflow-k8s/worker:1.0.0", SHA, "linux/arm64", "docker.io/library/python:3.13-slim", SHA, 97 << 20
    )
    name = "images-build-pushed" if pushed else "images-build"
    golden(f"{name}.txt", drawn(screens.build_screen(built, pushed)))
    golden(f"{name}.json", as_json(screens.build_document(built, pushed)))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tag", "UPPER"], "not an image's name"),
        (["--push", "r.example/worker"], "it has no tag"),
        (["--platform", "arm64"], "not a platform"),
        (["--platform", "linux/s390x", "--export", "out"], "only for linux/amd64, linux/arm64"),
    ],
)
def test_what_a_build_refuses(tool, words, message):
    assert message in tool("images", "build", *words, code=2).stderr


def test_a_build_without_an_engine(tool, tmp_path):
    env = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    assert "no Docker engine" in tool("images", "build", code=10, **env).stderr


def test_a_build_for_a_sandbox_that_does_not_run(tool, tmp_path):
    env = {"FOGFLOW_K8S_STATE": str(tmp_path)}
    assert "no sandbox absent is running" in tool("images", "build", "--load", "absent", code=41, **env).stderr


def test_the_mirror(golden):
    golden("images-mirror.txt", drawn(screens.mirror_screen(MIRRORED)))
    golden("images-mirror.json", as_json(screens.mirror_document(MIRRORED)))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["check", "--platform", "amd64"], "is not a platform"),
        (["mirror"], "--to"),
        (["mirror", "--to", "foo/bar"], "names no registry"),
        (["mirror", "--to", "http://r.example"], "is not REGISTRY[/PREFIX]"),
        (["list", "-o", "yaml"], "table"),
        (["list", "--set", "nginx.image.tag=a b"], "nginx.image.tag"),
    ],
)
def test_usage(tool, words, message):
    assert message in tool("images", *words, code=2).stderr
