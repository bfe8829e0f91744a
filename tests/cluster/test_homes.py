"""A user without a home, or with one that nothing can be written to: the tool works, and says what it could not remember."""

import pytest

from tests.scope import only_all
from tests.sites import Site

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
BUDGET_S = 120
UNSET = None


@pytest.fixture(params=[pytest.param("unset", marks=only_all), "read-only", pytest.param("a file", marks=only_all)])
def homeless(request, sandbox, site, tmp_path):
    """The same namespace, for a user with such a home and no folder of the tool's own."""
    file = tmp_path / "home"
    file.write_text("not a folder")
    home = {"unset": UNSET, "read-only": "/proc", "a file": str(file)}[request.param]
    env = {
        name: value for name, value in site.env.items() if name != "HOME" and not name.startswith(("XDG_", "FOGFLOW_"))
    }
    return Site(sandbox, site.namespace, tmp_path, env if home is UNSET else {**env, "HOME": home})


def test_install_look_and_remove(homeless):
    done = homeless.deploy("--set", "keeper.enabled=false")
    assert done["result"] == "installed"
    assert homeless.json("status")["release"]["revision"] == 1
    assert homeless.run("history")
    homeless.run("uninstall", "--yes")
    assert homeless.history() == []
