"""Runs of `bench run` on real nodes, of which beside other tests one thing cannot be asked: that the generator was never late."""

import pytest

from tests.documents import parse
from tests.scope import ALL

ATTEMPTS = 3


def measured(it, *words, valid=ALL):
    """A run's document. In `make all` each of its runs is valid: an invalid one describes the machine, and all is repeated.

    In the gate, and without `valid`, it is enough that each planned request was sent, however late: counts and lower bounds hold then, too.
    """
    for _ in range(ATTEMPTS):
        told = it.box.tool("bench", "run", *words, "--yes", "-o", "json", "-n", it.namespace, code=None)
        document = parse(told) if told else pytest.fail(it.box.stderr)
        rates = [rate for run in document["runs"] for rate in run["rates"]]
        all_sent = all(each["sentCount"] == each["plannedCount"] for each in rates)
        if all(run["invalidReason"] is None for run in document["runs"]) or (all_sent and not valid):
            return document
    reasons = [run["invalidReason"] for run in document["runs"]]
    return pytest.fail(f"{ATTEMPTS} runs were invalid, the last: {reasons}")


def violations(run):
    """What a run did not hold, but for the generator's lateness: that `measured` has judged."""
    return [told for told in run["violations"] if not told.startswith("invalid: ")]
