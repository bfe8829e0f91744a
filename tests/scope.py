"""How much of the tests a run takes: the gate's part, or everything.

The gate (`make test`) leaves out what is marked `only_all`. `make all` sets FOGFLOW_K8S_TEST_ALL=1: then nothing is left out,
property tests search longer, Helm is asked about every fault, and figures are held to their bars.
"""

import os
from collections.abc import Iterable, Sequence

import pytest

ALL = os.environ.get("FOGFLOW_K8S_TEST_ALL") == "1"
REASON = "in `make all`, or with FOGFLOW_K8S_TEST_ALL=1"
SEARCH = 20
"""How many times more examples of a property are tried in `make all` than in the gate."""

only_all = pytest.mark.only_all


def sampled(cases: Iterable[Sequence[object]], gate: Iterable[Sequence[object]]) -> list[object]:
    """The parameters of a test: all `cases`, of which those not in `gate` run in `make all` only."""
    cases, gate = list(cases), [tuple(case) for case in gate]
    assert not any(isinstance(case, str) for case in cases), "a case is a tuple of parameters"
    cases = [tuple(case) for case in cases]
    unknown = [case for case in gate if case not in cases]
    assert not unknown, f"not among the cases: {unknown}"
    return [pytest.param(*case, marks=() if case in gate else only_all) for case in cases]


def examples(gate: int, search: int | None = None) -> int:
    """For `max_examples` of a property test: `gate` in the gate, `search` (else many times more) in `make all`."""
    return (search or gate * SEARCH) if ALL else gate
