"""Amounts of CPU, memory and other resources: read, added up for a pod as the scheduler does it, and said to people. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from math import ceil

from fogflow_k8s.model.kubernetes import Obj

Amounts = dict[str, Fraction]  # resource -> cores, bytes, or a count

_SUFFIXES = {
    "": Fraction(1),
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 10**3),
    "k": Fraction(10**3),
    **{unit: Fraction(1000**power) for power, unit in enumerate("MGTPE", 2)},
    **{f"{unit}i": Fraction(1024**power) for power, unit in enumerate("KMGTPE", 1)},
}
_QUANTITY = re.compile(r"([+-]?[0-9]+\.?[0-9]*|[+-]?\.[0-9]+)(?:([eE][+-]?[0-9]+)|([numkMGTPE]|[KMGTPE]i)?)")


def quantity(value: object) -> Fraction:
    """A Kubernetes quantity (`50m`, `0.5`, `64Mi`, `1e3`) as an exact number. Raises ValueError."""
    return _read(str(value).strip())


@lru_cache(maxsize=4096)  # ten thousand pods ask for a handful of different amounts
def _read(value: str) -> Fraction:
    match = _QUANTITY.fullmatch(value)
    if not match:
        raise ValueError(f"{value!r} is no quantity")
    number, exponent, suffix = match.groups()
    return Fraction(number.rstrip(".") + (exponent or "")) * _SUFFIXES[suffix or ""]


def amounts(resources: Mapping[str, object] | None) -> Amounts:
    """Every resource of a list like `allocatable` or `requests`."""
    return {name: quantity(value) for name, value in (resources or {}).items()}


def plus(*parts: Amounts) -> Amounts:
    """The sum, resource by resource."""
    return {name: sum((p.get(name, Fraction()) for p in parts), Fraction()) for part in parts for name in part}


def requests_of(spec: Obj) -> Amounts:
    """What the scheduler sets aside for a pod of this specification, its own slot included (resource `pods`).

    The containers together, or the most greedy init container where that is more (they run one after the other); a
    sidecar among the init containers counts with all that come after it. A limit without a request is a request.
    """
    running = plus(*(_of_container(c) for c in spec.get("containers") or []))
    sidecars: Amounts = {}
    peaks: list[Amounts] = []
    for init in spec.get("initContainers") or []:
        mine = _of_container(init)
        peaks.append(plus(sidecars, mine))
        if init.get("restartPolicy") == "Always":
            sidecars = plus(sidecars, mine)
    needed = _most([plus(running, sidecars), *peaks])
    needed |= _of_container(spec)  # the pod's own figures, where it has some, replace its containers'
    return plus(needed, amounts(spec.get("overhead")), {"pods": Fraction(1)})


def lacking(free: Amounts, needed: Amounts) -> tuple[str, ...]:
    """The resources of which `free` has less than needed, the best known first."""
    short = [name for name, amount in needed.items() if amount > free.get(name, Fraction())]
    known = ("cpu", "memory", "pods")
    return tuple(sorted(short, key=lambda name: (known.index(name) if name in known else len(known), name)))


def said(name: str, amount: Fraction, *, up: bool = True) -> str:
    """An amount as people write it: 120m CPU, 2 CPU, 192Mi memory, 1 nvidia.com/gpu.

    What is needed is rounded up and what is free (`up=False`) down, so that the two never look equal.
    """
    amount = amount if up else max(amount, Fraction())
    if name == "cpu":
        milli = _whole(amount * 1000, up=up)
        return f"{milli // 1000} CPU" if milli % 1000 == 0 and milli else f"{milli}m CPU"
    if name in {"memory", "ephemeral-storage"}:
        mebi = _whole(amount / 1024**2, up=up)
        return f"{mebi // 1024}Gi {name}" if mebi % 1024 == 0 and mebi else f"{mebi}Mi {name}"
    return f"{_whole(amount, up=up)} {name}"


def said_all(needed: Amounts) -> str:
    """What a pod needs, in one phrase; its slot is no need worth a word."""
    parts = [said(n, needed[n]) for n in sorted(needed) if needed[n] and n != "pods"]
    return " and ".join(parts) or "no CPU or memory"


def _of_container(container: Obj) -> Amounts:
    resources = container.get("resources") or {}
    return {**amounts(resources.get("limits")), **amounts(resources.get("requests"))}


def _most(parts: Sequence[Amounts]) -> Amounts:
    return {name: max(p.get(name, Fraction()) for p in parts) for part in parts for name in part}


def _whole(amount: Fraction, *, up: bool) -> int:
    return ceil(amount) if up else amount.numerator // amount.denominator
