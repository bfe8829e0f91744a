"""Each fault is named: the right headline, the right exit code, and the hopeless ones are not waited for."""

import pytest

from tests.faults import page
from tests.faults.fault import check, helm_says, named, struck
from tests.faults.simulated import FAULTS
from tests.scope import ALL, sampled

from .conftest import a_site

pytestmark = pytest.mark.cluster
BUDGET_S = 700
OF_PODS = [fault for fault in FAULTS if fault.of_pods]
BY_DEPLOY = (
    "a container crashes",
    "an init container does not end",
    "the readiness probe fails",
    "the program is for another processor",
)
"""Of the faults of pods, those that the gate lets `deploy` meet, too: at the first component, in an init container, that time may
heal, at another one."""


@pytest.mark.parametrize(
    "fault",
    sampled([(f,) for f in FAULTS], gate=[(f,) for f in FAULTS if not f.of_pods or f.says in BY_DEPLOY]),
    ids=lambda fault: fault.name,
)
def test_the_headline(site, another_site, fault):
    found = named(site, fault)
    helm = helm_says(another_site, fault, page.HELM_S) if ALL else None
    page.record(fault, found, nodes="simulated", helm=helm)
    check(fault, found, site.stderr)


@pytest.fixture(scope="module")
def running(sandbox, tmp_path_factory):
    """A release whose pods are struck by one fault after the other. Its tests are of one xdist group."""
    with a_site(sandbox, tmp_path_factory.mktemp("struck")) as site:
        site.deploy()
        yield site


@pytest.mark.xdist_group("struck")
@pytest.mark.parametrize("fault", OF_PODS, ids=lambda fault: fault.name)
def test_status_names_what_strikes_a_running_release(running, fault):
    with struck(running, fault) as found:
        check(fault, found, running.stderr, exits=40)


def test_the_list_is_long_and_without_repetition():
    assert len(FAULTS) >= 30
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert len(OF_PODS) > len(BY_DEPLOY), "the gate meets most of the pods' faults with `status`"
