"""The parts of `make artifacts` that need no network: staging, archives, lock file, plug-in, SBOMs, the image's settings."""

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))

from artifacts import debian, image, packages, sbom, source  # noqa: E402
from artifacts.archive import digest, gzipped, redated, tar_of_files, tar_of_folder  # noqa: E402

BUDGET_S = 10
REGISTRY, REPOSITORY = "registry.example/owner", "https://example.org/owner/fogflow-k8s"
METADATA = """Metadata-Version: 2.4
Name: fogflow-k8s
Version: 1.2.3
License-Expression: Apache-2.0
Requires-Dist: typer<0.29,>=0.26
Requires-Dist: urllib3[socks]<3,>=2.2
Requires-Dist: pytest<10; extra == 'dev'
"""


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    return source.stage(tmp_path_factory.mktemp("staged") / "tree", registry=REGISTRY, repository=REPOSITORY)


def test_the_staged_copy_has_no_links_and_one_time_for_all_files(staged):
    paths = list(staged.folder.rglob("*"))
    assert not [path for path in paths if path.is_symlink()]
    assert {int(path.stat().st_mtime) for path in paths} == {staged.epoch}
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_file()} == {0o644, 0o755}
    shared = "templates/worker/deployment.yaml"
    charts = staged.folder / "charts"
    assert (charts / "fogflow-edge-chart" / shared).read_bytes() == (charts / "fogflow-chart" / shared).read_bytes()


def test_the_staged_copy_has_what_git_knows_and_nothing_that_it_ignores(staged):
    assert (staged.folder / "scripts/artifacts/debian.lock.json").exists()
    assert not (staged.folder / ".venv").exists()
    assert not list(staged.folder.rglob("__pycache__"))


def test_the_owner_s_registry_is_the_default_of_both_charts_and_of_the_model(staged):
    for chart in source.CHARTS:
        values = yaml.safe_load(staged.read(f"charts/{chart}/values.yaml"))
        assert values["worker"]["nativeImage"]["registry"] == REGISTRY
        assert values["worker"]["implementation"] == "auto"
    program = (
        "from fogflow_k8s.model.settings.values import Values; from fogflow_k8s.model.settings.edge import EdgeValues; "
        "print(*(v.worker.native_image.registry + ' ' + str(v.worker.keeps_tasks) for v in (Values(), EdgeValues())))"
    )
    env = {**os.environ, "PYTHONPATH": str(staged.folder / "src")}
    done = subprocess.run(
        [sys.executable, "-B", "-c", program], env=env, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == [REGISTRY, "True"] * 2


def test_the_checkout_itself_names_no_owner():
    for chart in source.CHARTS:
        values = yaml.safe_load((ROOT / "charts" / chart / "values.yaml").read_text(encoding="utf-8"))
        assert values["worker"]["nativeImage"]["registry"] == ""


def test_the_repository_is_among_the_urls_of_the_package(staged):
    assert f'\nSource = "{REPOSITORY}"\n' in staged.read("pyproject.toml").decode()
    assert f'\nIssues = "{REPOSITORY}/issues"\n' in staged.read("pyproject.toml").decode()


def test_the_time_of_a_build_can_be_given(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert source.commit_time() == 1_700_000_000


def test_an_archive_depends_on_names_contents_and_modes_only(tmp_path):
    for name, order in (("one", "abc"), ("two", "cba")):
        for each in order:
            path = tmp_path / name / "sub" / each
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(each)
            os.utime(path, (len(order) + ord(each), 5))
        (tmp_path / name / "link").symlink_to("sub/a")
        os.link(tmp_path / name / "sub/a", tmp_path / name / "second")
    first, second = (tar_of_folder(tmp_path / name, 1_700_000_000) for name in ("one", "two"))
    assert first == second
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        assert archive.getnames() == ["link", "second", "sub", "sub/a", "sub/b", "sub/c"]
        assert archive.extractfile("second").read() == b"a", "not a link, whose target depends on the order"
        assert {(one.mtime, one.uid, one.uname) for one in archive} == {(1_700_000_000, 0, "root")}


def test_a_compressed_archive_has_no_time_and_reads_back():
    content = tar_of_files({"d/run": b"x", "a": b"y"}, 7, executable=["d/run"])
    packed = gzipped(content)
    assert packed[4:8] == bytes(4)
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(packed))) as archive:
        assert [(one.name, oct(one.mode)) for one in archive] == [("a", "0o644"), ("d", "0o755"), ("d/run", "0o755")]


def test_a_redated_archive_depends_on_members_their_order_and_modes_only():
    """What `helm package` writes has the time of the build with Helm 3, and a comment in the header with every version."""

    def packed(epoch, names):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
            for name in names:
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode, entry.mtime, entry.uname = 1, 0o644, epoch + 0.25, f"user{epoch}"
                archive.addfile(entry, io.BytesIO(name[-1:].encode()))
        return buffer.getvalue()

    names = ["chart/Chart.yaml", "chart/a"]
    first, second = (redated(packed(epoch, names), 1_700_000_000) for epoch in (5, 1_800_000_000))
    assert first == second != redated(packed(5, names[::-1]), 1_700_000_000)
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        assert [(one.name, one.mtime, one.uname, archive.extractfile(one).read()) for one in archive] == [
            ("chart/Chart.yaml", 1_700_000_000, "root", b"l"),
            ("chart/a", 1_700_000_000, "root", b"a"),
        ]


def test_both_architectures_are_locked_with_the_same_packages_and_without_installers():
    found = debian.locked()
    assert found.keys() == set(image.PLATFORMS.values())
    names = [[each.name for each in entries] for entries in found.values()]
    assert names[0] == names[1] == sorted(names[0])
    assert set(debian.WANTED) <= set(names[0])
    assert not debian.INSTALLERS & set(names[0])
    for arch, entries in found.items():
        assert {each.architecture for each in entries} <= {arch, "all"}
        assert all(len(each.sha256) == 64 and each.version for each in entries)


def test_a_package_whose_digest_differs_from_the_lock_file_is_refused(tmp_path, monkeypatch):
    (tmp_path / "x.deb").write_bytes(b"another file")
    monkeypatch.setattr(debian, "Apt", lambda *_: type("Fake", (), {"download": lambda *_: [tmp_path / "x.deb"]})())
    wanted = debian.Package("x", "1", "amd64", digest(b"the file"))
    with pytest.raises(LookupError, match=r"x 1 \(amd64\) is not the file in debian\.lock\.json"):
        debian.fetch([wanted], "amd64", tmp_path / "work")


def test_the_digest_of_an_image_is_that_of_the_index_in_its_layout(tmp_path):
    layout = image.Layout()
    images = layout.add("application/vnd.oci.image.index.v1+json", b"{}")
    (tmp_path / "image.oci.tar").write_bytes(layout.packed({"manifests": [images]}, 0))
    assert image.digest_in(tmp_path / "image.oci.tar") == f"sha256:{digest(b'{}')}"


def test_the_charts_pin_the_image_by_the_name_that_it_gets_in_the_registry(tmp_path):
    tree = source.stage(tmp_path / "tree", registry=REGISTRY)
    layout = image.Layout()
    images = layout.add("application/vnd.oci.image.index.v1+json", b"{}")
    (tmp_path / "image.oci.tar").write_bytes(layout.packed({"manifests": [images]}, 0))
    image.pin_in_charts(tree, REGISTRY, tmp_path / "image.oci.tar")
    for chart in source.CHARTS:
        pins = json.loads(tree.read(f"charts/{chart}/files/digests.json"))
        assert pins[f"{REGISTRY}/fogflow-k8s/worker:{tree.version}"] == images["digest"]


def test_the_image_has_the_settings_of_the_containerfile():
    settings = image.settings_of((ROOT / "Containerfile").read_text(encoding="utf-8"))
    assert settings["User"] == "65532:65532"
    assert settings["Entrypoint"] == ["python3", "-m", "fogflow_k8s.worker"]
    assert "PYTHONPATH=/app" in settings["Env"]


def test_the_manifest_for_krew_has_the_digest_of_the_plug_in_s_archive(staged, tmp_path):
    packages.plug_in(staged, tmp_path)
    (archive,) = tmp_path.glob("*.tar.gz")
    manifest = yaml.safe_load((tmp_path / "fogflow.yaml").read_text(encoding="utf-8"))
    assert "@" not in (tmp_path / "fogflow.yaml").read_text(encoding="utf-8")
    (platform,) = manifest["spec"]["platforms"]
    assert platform["sha256"] == digest(archive.read_bytes())
    assert platform["uri"] == f"{REPOSITORY}/releases/download/v{staged.version}/{archive.name}"
    assert manifest["spec"]["version"] == f"v{staged.version}"
    with tarfile.open(archive) as members:
        assert members.getmember(platform["bin"]).mode == 0o755
        assert f"version='{staged.version}'" in members.extractfile(platform["bin"]).read().decode()


@pytest.mark.parametrize(
    ("programs", "starts"),
    [
        (("uvx", "pipx", "fogflow-k8s"), "uvx --quiet --from fogflow-k8s==@VERSION@ kubectl-fogflow status -n x"),
        (("pipx", "fogflow-k8s"), "pipx run --quiet --spec fogflow-k8s==@VERSION@ kubectl-fogflow status -n x"),
        (("fogflow-k8s",), "fogflow-k8s status -n x"),
        ((), None),
    ],
)
def test_the_plug_in_starts_the_program_from_where_it_can_be_had(tmp_path, programs, starts):
    for name in programs:
        path = tmp_path / name
        path.write_text(f'#!/bin/sh\necho {name} "$@"\n')
        path.chmod(0o755)
    argv = ["/bin/sh", str(ROOT / "krew/kubectl-fogflow"), "status", "-n", "x"]
    done = subprocess.run(argv, env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=10, check=False)
    assert (done.stdout.strip() or None, done.returncode) == (starts, 0 if starts else 10)
    assert starts or "needs Python 3.11 or newer, and uv or pipx" in done.stderr


def test_an_sbom_names_its_subject_by_digest_and_relates_every_part_to_it():
    subject = sbom.Part("fogflow-k8s", "1.2.3", sha256="a" * 64)
    parts = [sbom.of_debian(debian.Package("zlib1g", "1:1.3+x", "arm64", "b" * 64)), *sbom.of_requirements(METADATA)]
    document = json.loads(sbom.document(subject, parts, "DEPENDS_ON", 1_700_000_000))
    assert document["spdxVersion"] == "SPDX-2.3"
    assert document["documentNamespace"].endswith("a" * 64)
    assert document["creationInfo"]["created"] == "2023-11-14T22:13:20Z"
    assert [each["name"] for each in document["packages"]] == ["fogflow-k8s", "zlib1g", "typer", "urllib3"]
    locators = [each["externalRefs"][0]["referenceLocator"] for each in document["packages"][1:]]
    assert locators == [
        "pkg:deb/debian/zlib1g@1%3A1.3%2Bx?arch=arm64&distro=trixie",
        "pkg:pypi/typer",
        "pkg:pypi/urllib3",
    ]
    ids = {each["SPDXID"] for each in document["packages"]}
    related = {each["relatedSpdxElement"] for each in document["relationships"]}
    assert related == ids
    assert len(ids) == 4


def test_a_wheel_s_part_has_the_version_and_licence_of_its_metadata():
    part = sbom.of_wheel(METADATA)
    assert (part.name, part.version, part.licence, part.purl) == (
        "fogflow-k8s", "1.2.3", "Apache-2.0", "pkg:pypi/fogflow-k8s@1.2.3",
    )  # fmt: skip
