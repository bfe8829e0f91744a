"""`make demo` chooses nodes and programs by what the machine can do, decides quickly, and leaves nothing when it ends early."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fogflow_k8s.errors import ToolMissing, UsageError
from tests.unit.registry import Stub, serving, slow

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))

import demo  # noqa: E402

BUDGET_S = 10
NO_ROOT, NO_HUB, NO_DEBIAN = "it lacks runc.", "no route.", "no Debian mirror"


def machine(nodes="", hub="", fakes=""):
    """A machine on which these are the problems."""
    return demo.Machine(lambda: nodes, lambda: hub, lambda: fakes)


@pytest.mark.parametrize(
    ("env", "problems", "nodes", "programs", "reason"),
    [
        ({}, {}, "real", "fogflow", ""),
        ({}, {"hub": NO_HUB}, "real", "fakes", NO_HUB),
        ({}, {"nodes": NO_ROOT}, "simulated", "none", NO_ROOT),
        ({}, {"hub": NO_HUB, "fakes": NO_DEBIAN}, "simulated", "none", NO_DEBIAN),
        ({}, {"fakes": NO_DEBIAN}, "real", "fogflow", ""),
        ({"DEMO_NODES": ""}, {}, "real", "fogflow", ""),
        ({"DEMO_NODES": "real"}, {"hub": NO_HUB}, "real", "fakes", NO_HUB),
        ({"DEMO_NODES": "simulated"}, {}, "simulated", "none", "DEMO_NODES"),
        ({"DEMO_PROGRAMS": "fakes"}, {}, "real", "fakes", "DEMO_PROGRAMS"),
        ({"DEMO_PROGRAMS": "fakes"}, {"nodes": NO_ROOT}, "simulated", "none", NO_ROOT),
    ],
)
def test_the_best_that_the_machine_can_show_is_chosen(env, problems, nodes, programs, reason):
    found = demo.choose(env, machine(**problems))
    assert (found.nodes, found.programs) == (nodes, programs)
    assert reason in " ".join(found.reasons)
    assert bool(found.reasons) == bool(reason)


@pytest.mark.parametrize(
    ("env", "problems", "error", "message"),
    [
        ({"DEMO_NODES": "kind"}, {}, UsageError, "DEMO_NODES=kind"),
        ({"DEMO_PROGRAMS": "none"}, {}, UsageError, "DEMO_PROGRAMS=none"),
        ({"DEMO_NODES": "real"}, {"nodes": NO_ROOT}, ToolMissing, NO_ROOT),
        ({"DEMO_NODES": "real"}, {"hub": NO_HUB, "fakes": NO_DEBIAN}, ToolMissing, NO_DEBIAN),
        ({"DEMO_PROGRAMS": "fogflow"}, {"hub": NO_HUB}, ToolMissing, NO_HUB),
    ],
)
def test_what_is_asked_for_and_not_possible_is_an_error(env, problems, error, message):
    with pytest.raises(error) as caught:
        demo.choose(env, machine(**problems))
    assert message in caught.value.message
    assert caught.value.hint


def test_simulated_nodes_ask_neither_the_machine_nor_a_registry():
    def asked():
        raise AssertionError("not needed")

    assert demo.choose({"DEMO_NODES": "simulated"}, demo.Machine(asked, asked, asked)).nodes == "simulated"


def test_a_registry_with_the_image_is_usable_and_one_without_it_is_not():
    with serving(Stub()) as stub:
        stub.image("fogflow/master", "9.9")
        assert demo.hub_problem("9.9", stub.host) == ""
        assert "fogflow/master:9.8" in demo.hub_problem("9.8", stub.host)


def test_a_registry_that_does_not_answer_is_given_up_after_the_limit():
    with serving(Stub({"/v2/fogflow/master/manifests/1": slow(3)})) as stub:
        start = time.monotonic()
        assert demo.hub_problem("1", stub.host, limit_s=0.3)
        assert time.monotonic() - start < 2.9, "it waited for the answer"


def test_the_version_is_the_one_of_the_chart():
    assert f"appVersion: {demo.fogflow_version()}" in (ROOT / "charts/fogflow-chart/Chart.yaml").read_text().replace(
        '"', ""
    )


def test_the_output_that_is_kept_names_no_folder_of_the_machine():
    said = f"saved /var/tmp/fogflow-demo.aB3dE6/state/bundles/x.tar.gz by {ROOT}/.venv/bin/helm in {Path.home()}/.cache, demo-4711  "
    assert demo.neutral(said) == "saved ~/demo/state/bundles/x.tar.gz by .venv/bin/helm in ~/.cache, demo\n"


def test_a_demo_that_ends_early_has_its_exit_code_and_leaves_no_folder(tmp_path):
    env = {**os.environ, "TMPDIR": str(tmp_path), "DEMO_NODES": "kind"}
    done = subprocess.run(
        ["bash", ROOT / "scripts/demo.sh"], env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "DEMO_NODES is real or simulated" in done.stderr
    assert list(tmp_path.iterdir()) == []
