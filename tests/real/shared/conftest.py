"""One release for the tests that only look at it, or lose a part of it that comes back."""

import pytest

from tests.real.conftest import released

OPTIONS = ("--set", "tolerationSeconds=5")


@pytest.fixture(scope="package")
def fogflow(box):
    with released(box, "shared", *OPTIONS) as it:
        yield it


@pytest.fixture
def calm(fogflow):
    """The release, working, with everything in the keeper's snapshot, whatever the test before has done to it."""
    fogflow.settle()
    return fogflow
