"""Fixtures for tests of whole operations."""

import shutil
from copy import deepcopy

import pytest

from tests.unit.actions.world import World


def _alone(patch, folder):
    """Nothing of this machine is asked; known clusters are kept in the folder."""
    patch.setenv("FOGFLOW_K8S_STATE", str(folder / "state"))
    patch.setenv("DOCKER_HOST", f"unix://{folder}/none")
    patch.setenv("PATH", str(folder))
    patch.delenv("HELM_DRIVER", raising=False)


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A cluster and a helm in memory, and nothing installed."""
    _alone(monkeypatch, tmp_path)
    return World()


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """A world with a release and its state folder; made once, as the digest of each password takes time."""
    folder, made = tmp_path_factory.mktemp("installed"), World()
    with pytest.MonkeyPatch.context() as patch:
        _alone(patch, folder)
        assert made.deploy().result == "installed"
    made.forget()
    return made, folder / "state"


@pytest.fixture
def deployed(installed, tmp_path, monkeypatch):
    """The same with a release that was deployed, is ready and at revision 1."""
    _alone(monkeypatch, tmp_path)
    made, state = installed
    shutil.copytree(state, tmp_path / "state")
    return deepcopy(made)


@pytest.fixture
def kept(deployed):
    """A release with a keeper that reports that FogFlow works, at revision 1."""
    deployed.keeper()
    deployed.deploy({"keeper": {"enabled": True}})
    deployed.clock.sleep(1)
    deployed.restart_history()
    deployed.forget()
    return deployed
