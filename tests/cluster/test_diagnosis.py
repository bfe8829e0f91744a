"""Each fault is named: the right headline, the right exit code, and the hopeless ones are not waited for."""

import pytest

from tests.faults import page
from tests.faults.fault import check, helm_says, named
from tests.faults.simulated import FAULTS
from tests.scope import ALL

pytestmark = pytest.mark.cluster
BUDGET_S = 560


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_headline(site, another_site, fault):
    found = named(site, fault)
    helm = helm_says(another_site, fault, page.HELM_S) if ALL else None
    page.record(fault, found, nodes="simulated", helm=helm)
    check(fault, found, site.stderr)


def test_the_list_is_long_and_without_repetition():
    assert len(FAULTS) >= 30
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
