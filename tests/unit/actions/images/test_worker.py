"""The folder of the worker's image: pip's arguments, what is copied and what is removed. pip itself is replaced."""

import re
import tomllib
from pathlib import Path

import pytest

from fogflow_k8s.actions.images import build, worker
from fogflow_k8s.adapters.docker import build_context
from fogflow_k8s.adapters.process import Completed
from fogflow_k8s.engine.reporter import Silent
from fogflow_k8s.errors import FogflowError, PreflightFailed, ToolMissing, UsageError

ROOT = Path(__file__).parents[4]
LOCK = ROOT / "src/fogflow_k8s/worker/requirements.txt"


class Pip:
    """Behind the Runner: writes what pip would, or fails as it does."""

    def __init__(self, stderr=""):
        self.stderr, self.argv = stderr, []

    def run(self, argv, *, stdin=None, timeout_s=60.0):
        del stdin, timeout_s
        self.argv = list(argv)
        if self.stderr:
            return Completed(tuple(argv), 1, "", self.stderr, 0.1)
        target = Path(next(word for word in argv if word.startswith("--target=")).removeprefix("--target="))
        for name in (
            "bin/tool",
            "lib/__init__.py",
            "lib/__pycache__/x.pyc",
            "lib-1.dist-info/RECORD",
            "lib-1.dist-info/METADATA",
        ):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_text(name)
        return Completed(tuple(argv), 0, "", "", 0.1)


@pytest.fixture
def package(tmp_path):
    """A package with a worker, and something that the worker does not need."""
    files = {
        "__init__.py": "", "errors.py": "", "actions/__init__.py": "", "_assets/x.py": "no Python",
        "worker/__init__.py": "", "worker/__main__.py": "from fogflow_k8s.errors import FogflowError\n", "worker/requirements.txt": "",
    }  # fmt: skip
    for name, text in files.items():
        path = tmp_path / "fogflow_k8s" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "fogflow_k8s"


def made(folder, package, runner=None, platform="linux/amd64"):
    folder.mkdir(exist_ok=True)
    worker.make(folder, platform, runner or Pip(), Silent(), package)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_it_holds_the_packages_the_worker_and_nothing_of_this_machine(tmp_path, package):
    assert made(tmp_path / "app", package) == [
        "fogflow_k8s/__init__.py",
        "fogflow_k8s/errors.py",
        "fogflow_k8s/worker/__init__.py",
        "fogflow_k8s/worker/__main__.py",
        "lib-1.dist-info/METADATA",
        "lib/__init__.py",
    ]


@pytest.mark.parametrize(("platform", "tag"), [("linux/amd64", "2_28_x86_64"), ("linux/arm64", "2_28_aarch64")])
def test_pip_takes_locked_wheels_of_that_platform_only(tmp_path, package, platform, tag):
    pip = Pip()
    made(tmp_path / "app", package, pip, platform)
    assert {"--require-hashes", "--only-binary=:all:", "--no-deps", "--no-compile", "--python-version=3.13"} <= set(
        pip.argv
    )
    assert f"--platform=manylinux_{tag}" in pip.argv


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        ("/usr/bin/python3: No module named pip", ToolMissing, "pip is not installed"),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n  Expected sha256 a\n  Got b",
            PreflightFailed,
            "does not match its locked hash",
        ),
        ("WARNING: x\nERROR: No matching distribution found for aiohttp==9", PreflightFailed, "aiohttp==9"),
    ],
)
def test_why_pip_failed(tmp_path, package, said, kind, message):
    with pytest.raises(kind, match=message) as error:
        made(tmp_path / "app", package, Pip(said))
    assert error.value.hint


def test_a_platform_without_wheels(tmp_path, package):
    with pytest.raises(UsageError, match="linux/s390x, only for linux/amd64, linux/arm64"):
        made(tmp_path / "app", package, platform="linux/s390x")


def test_an_installation_without_a_worker(tmp_path, package):
    (package / "worker/__main__.py").unlink()
    pip = Pip()
    with pytest.raises(FogflowError, match="has no worker module"):
        made(tmp_path / "app", package, pip)
    assert pip.argv == [], "nothing is fetched for nothing"


def test_the_bytes_depend_on_the_files_alone(tmp_path, package):
    both = []
    for name in ("one", "two"):
        made(tmp_path / name, package)
        (tmp_path / name / "lib/__init__.py").chmod(0o600 if name == "one" else 0o755)
        both.append(build_context.pack(tmp_path / name, "root/app", {"Containerfile": b"FROM x"}))
    assert both[0] == both[1]
    (tmp_path / "two/lib/__init__.py").write_text("other")
    assert build_context.pack(tmp_path / "two", "root/app", {"Containerfile": b"FROM x"}) != both[0]


def test_the_lock_is_of_the_extra_and_has_a_hash_for_everything():
    """`make lock` after a change of the extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = LOCK.read_text()
    assert f"# From: {', '.join(project['optional-dependencies']['worker'])}\n" in text
    entries = re.findall(r"^([a-z0-9-]+)==\S+((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", text, re.MULTILINE)
    assert len(entries) == sum(line[0].isalpha() for line in text.splitlines())
    assert {"aio-pika", "kubernetes", "aiohttp", "prometheus-client"} <= {name for name, _ in entries}


@pytest.mark.parametrize(
    ("flag", "text", "message"),
    [
        ("--tag", "Worker:1", "not an image's name"),
        ("--tag", "mine/worker", "it has no tag"),
        ("--push", f"r.example/worker:1@sha256:{'0' * 64}", "a name with a digest cannot be built"),
        ("--base", "python", "it has no tag"),
    ],
)
def test_a_name_that_cannot_be(flag, text, message):
    with pytest.raises(UsageError, match=message) as error:
        build.require_tag(text, flag)
    assert error.value.hint.startswith(flag)
    build.require_tag(f"python@sha256:{'0' * 64}", "--base")


def test_a_context_for_another_builder(tmp_path, package, monkeypatch):
    real = worker.make
    monkeypatch.setattr(worker, "make", lambda *given: real(*given, package))
    folder = tmp_path / "context"
    build.write_context(folder, "linux/arm64", Pip(), Silent())
    assert (folder / "Containerfile").read_text() == (ROOT / "Containerfile").read_text()
    app = folder / "root/app"
    assert (app / "fogflow_k8s/worker/__main__.py").exists()
    assert {path.stat().st_mtime for path in [app, *app.rglob("*")]} == {0}
    with pytest.raises(UsageError, match="not empty"):
        build.write_context(folder, "linux/arm64", Pip(), Silent())


def test_a_context_with_the_load_generator_has_its_recipe(tmp_path, package, monkeypatch):
    real = worker.make
    monkeypatch.setattr(worker, "make", lambda *given: real(*given, package))
    build.write_context(tmp_path / "context", "linux/arm64", Pip(), Silent(), with_bench=True)
    recipe = (tmp_path / "context/Containerfile").read_text()
    assert recipe == (ROOT / "Containerfile.bench").read_text()
    usual = (ROOT / "Containerfile").read_text().splitlines()
    same = [line for line in usual if line.startswith(("FROM", "COPY root", "ENV PYTHON", "USER", "ENTRYPOINT"))]
    assert [line for line in recipe.splitlines() if line in same] == same, "the worker's image is the same otherwise"
    pinned = (ROOT / "tests/load_generator/go.mod").read_text().split("github.com/tsenart/vegeta/v12 ")[1].split()[0]
    assert f"github.com/tsenart/vegeta/v12@{pinned}" in recipe, "tests use the version that the image has"
