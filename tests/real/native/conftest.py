"""One release with our own worker for the tests of tasks; upstream's worker beside it in `make all`."""

import pytest

from tests.real.conftest import released

NATIVE = (
    "--set",
    "worker.implementation=native,worker.nativeImage.registry=localhost",
    "--set",
    "config.worker.capacity=500",
)


@pytest.fixture(scope="package")
def native(box):
    with released(box, "native", *NATIVE) as it:
        yield it
