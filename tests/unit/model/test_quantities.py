"""Quantities, and the amounts that a pod requests."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogflow_k8s.model.quantities import format_amount, format_amounts, lacking, quantity, requests_of


@pytest.mark.parametrize(
    ("text", "value"),
    [("50m", Fraction(1, 20)), ("0.5", Fraction(1, 2)), ("2", 2), (4, 4), ("64Mi", 64 * 2**20), ("1Gi", 2**30), ("1e3", 1000), ("1E3", 1000),
     ("2k", 2000), ("1M", 10**6), ("1E", 10**18), ("1Ei", 2**60), ("100n", Fraction(1, 10**7)), (".5", Fraction(1, 2)), ("1.", 1)],
)  # fmt: skip
def test_quantities(text, value):
    assert quantity(text) == value


@pytest.mark.parametrize("text", ["", "Mi", "1 Gi", "1KI", "ten"])
def test_invalid_quantities(text):
    with pytest.raises(ValueError, match="is not a quantity"):
        quantity(text)


def container(cpu, **more):
    return {"resources": {"requests": {"cpu": cpu}}, **more}


@pytest.mark.parametrize(
    ("spec", "cpu"),
    [
        ({"containers": [container("100m"), container("200m")]}, "300m"),
        ({"containers": [container("100m")], "initContainers": [container("250m"), container("50m")]}, "250m"),
        ({"containers": [container("100m")], "initContainers": [container("50m", restartPolicy="Always")]}, "150m"),
        ({"containers": [container("100m")], "initContainers": [container("50m", restartPolicy="Always"), container("1")]}, "1050m"),
        ({"containers": [{"resources": {"limits": {"cpu": "2"}}}]}, "2"),
        ({"containers": [container("100m")], "overhead": {"cpu": "10m"}}, "110m"),
        ({"containers": [container("100m")], "resources": {"requests": {"cpu": "3"}}}, "3"),
        ({"containers": [{}]}, "0"),
    ],
)  # fmt: skip
def test_the_requests_of_a_pod(spec, cpu):
    asked = requests_of(spec)
    assert asked.get("cpu", 0) == quantity(cpu)
    assert asked["pods"] == 1


def test_missing_resources_and_their_format():
    free = {"cpu": quantity("120m"), "memory": quantity("1Gi"), "pods": quantity("1")}
    needed = {
        "cpu": quantity("200m"),
        "memory": quantity("192Mi"),
        "pods": quantity("1"),
        "example.org/gpu": quantity("1"),
    }
    assert lacking(free, needed) == ("cpu", "example.org/gpu")
    assert format_amounts(needed) == "200m CPU and 1 example.org/gpu and 192Mi memory"
    assert (format_amount("cpu", quantity("64")), format_amount("memory", quantity("2Gi"))) == ("64 CPU", "2Gi memory")
    assert format_amount("cpu", quantity("-1"), up=False) == "0m CPU"
    assert format_amounts({"pods": quantity("1")}) == "no CPU or memory"


@given(st.integers(0, 10**12), st.integers(1, 10**9))
def test_a_free_amount_that_is_too_small_never_looks_sufficient(free, more):
    """120m free and 120m needed would explain nothing."""
    small, large = Fraction(free, 10**9), Fraction(free + more, 10**9)
    assert format_amount("cpu", small, up=False) != format_amount("cpu", large) or small == large
