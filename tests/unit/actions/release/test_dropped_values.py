"""An option that is not repeated is named before the upgrade that drops its value."""

import pytest

BUDGET_S = 5
ADDRESS = {"externalIPs": ["192.0.2.10"], "expose": {"type": "externalIPs"}}
SAID = "sets values that this deploy does not set"


@pytest.fixture
def exposed(deployed):
    """A release at revision 2 with an external IP from the command line."""
    deployed.deploy(ADDRESS)
    return deployed


def test_a_dropped_value_is_named_before_helm_starts_and_the_deploy_goes_on(exposed):
    exposed.programs.plan(
        "upgrade", code=0, stderr="", leaves="deployed", first=lambda: told.append(exposed.reported(SAID))
    )
    told = []
    assert exposed.deploy({"nginx": {"image": {"tag": "2"}}}).result == "upgraded"
    assert told == [True]
    (line,) = [line for line in exposed.reporter.lines if SAID in line]
    assert line.startswith("revision 2 sets values")
    assert ": externalIPs, expose.type; to keep them, repeat the options" in line
    assert "helm -n city get values fogflow --revision 2" in line


@pytest.mark.parametrize(
    "values", [ADDRESS, {**ADDRESS, "nginx": {"image": {"tag": "2"}}}, {**ADDRESS, "externalIPs": ["192.0.2.11"]}]
)
def test_no_line_when_nothing_is_dropped(exposed, values):
    exposed.deploy(values)
    assert not exposed.reported(SAID)


def test_no_line_at_a_first_install(world):
    world.deploy(ADDRESS)
    assert not world.reported(SAID)


def test_what_a_preset_or_the_cluster_decided_is_not_a_value_of_the_user(deployed):
    deployed.deploy({}, preset="ha")
    deployed.deploy({"nginx": {"image": {"tag": "2"}}}, preset="small")
    assert not deployed.reported(SAID)


def test_a_number_of_replicas_that_the_preset_sets_again_is_named(deployed):
    deployed.deploy({"replicaCount": 7})
    deployed.deploy({"nginx": {"image": {"tag": "2"}}})
    assert deployed.reported("defaults: replicaCount; to keep them")


def test_values_that_helm_does_not_return_stop_no_deploy(exposed, monkeypatch):
    monkeypatch.setattr(exposed.programs, "_get_values", lambda *_: (1, "", "Error: no"))
    assert exposed.deploy({}).result == "upgraded"
    assert exposed.reported("not checked which values of revision 2 are dropped: no")
