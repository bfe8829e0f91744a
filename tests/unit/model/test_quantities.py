"""Quantities, and what a pod asks for."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogflow_k8s.model.quantities import lacking, quantity, requests_of, said, said_all


@pytest.mark.parametrize(
    ("text", "value"),
    [("50m", Fraction(1, 20)), ("0.5", Fraction(1, 2)), ("2", 2), (4, 4), ("64Mi", 64 * 2**20), ("1Gi", 2**30), ("1e3", 1000), ("1E3", 1000),
     ("2k", 2000), ("1M", 10**6), ("1E", 10**18), ("1Ei", 2**60), ("100n", Fraction(1, 10**7)), (".5", Fraction(1, 2)), ("1.", 1)],
)  # fmt: skip
def test_quantities(text, value):
    assert quantity(text) == value


@pytest.mark.parametrize("text", ["", "Mi", "1 Gi", "1KI", "ten"])
def test_what_is_no_quantity(text):
    with pytest.raises(ValueError, match="no quantity"):
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
def test_what_a_pod_asks_for(spec, cpu):
    asked = requests_of(spec)
    assert asked.get("cpu", 0) == quantity(cpu)
    assert asked["pods"] == 1


def test_what_is_lacking_and_how_it_is_said():
    free = {"cpu": quantity("120m"), "memory": quantity("1Gi"), "pods": quantity("1")}
    needed = {
        "cpu": quantity("200m"),
        "memory": quantity("192Mi"),
        "pods": quantity("1"),
        "example.org/gpu": quantity("1"),
    }
    assert lacking(free, needed) == ("cpu", "example.org/gpu")
    assert said_all(needed) == "200m CPU and 1 example.org/gpu and 192Mi memory"
    assert (said("cpu", quantity("64")), said("memory", quantity("2Gi"))) == ("64 CPU", "2Gi memory")
    assert said("cpu", quantity("-1"), up=False) == "0m CPU"
    assert said_all({"pods": quantity("1")}) == "no CPU or memory"


@given(st.integers(0, 10**12), st.integers(1, 10**9))
def test_what_is_free_never_looks_like_enough(free, more):
    """120m free and 120m needed would be no explanation."""
    small, large = Fraction(free, 10**9), Fraction(free + more, 10**9)
    assert said("cpu", small, up=False) != said("cpu", large) or small == large
