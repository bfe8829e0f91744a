"""Amounts of CPU, memory and other resources: parse them, add them up for a pod, and format them for people.

A quantity is Kubernetes' notation for an amount (`50m`, `64Mi`). Amounts are exact fractions of cores, bytes or counts. A pod's
sum follows the scheduler's rules for init containers, sidecars and overhead.
"""

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


@lru_cache(maxsize=4096)  # many pods share a few different amounts
def _read(value: str) -> Fraction:
    match = _QUANTITY.fullmatch(value)
    if not match:
        raise ValueError(f"{value!r} is not a quantity")
    number, exponent, suffix = match.groups()
    return Fraction(number.rstrip(".") + (exponent or "")) * _SUFFIXES[suffix or ""]


def amounts(resources: Mapping[str, object] | None) -> Amounts:
    """The amounts in a Kubernetes resource list like `allocatable` or `requests`."""
    return {name: quantity(value) for name, value in (resources or {}).items()}


def plus(*parts: Amounts) -> Amounts:
    """The sum, resource by resource."""
    return {name: sum((p.get(name, Fraction()) for p in parts), Fraction()) for part in parts for name in part}


def requests_of(spec: Obj) -> Amounts:
    """The amounts that the scheduler reserves for a pod of this specification, including one pod slot (resource `pods`).

    They are the sum of the containers, or the largest init container if that is more, because init containers run one after
    the other. A sidecar among the init containers counts together with all containers after it. A limit without a request
    counts as a request.
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
    needed |= _of_container(spec)  # resources of the pod itself replace those of its containers
    return plus(needed, amounts(spec.get("overhead")), {"pods": Fraction(1)})


def lacking(free: Amounts, needed: Amounts) -> tuple[str, ...]:
    """The resources of which `free` has less than needed; CPU, memory and pod slots first."""
    short = [name for name, amount in needed.items() if amount > free.get(name, Fraction())]
    known = ("cpu", "memory", "pods")
    return tuple(sorted(short, key=lambda name: (known.index(name) if name in known else len(known), name)))


def format_amount(name: str, amount: Fraction, *, up: bool = True) -> str:
    """An amount for people: 120m CPU, 2 CPU, 192Mi memory, 1 nvidia.com/gpu.

    A needed amount is rounded up and a free one (`up=False`) down, so that two different amounts never look equal.
    """
    amount = amount if up else max(amount, Fraction())
    if name == "cpu":
        milli = _whole(amount * 1000, up=up)
        return f"{milli // 1000} CPU" if milli % 1000 == 0 and milli else f"{milli}m CPU"
    if name in {"memory", "ephemeral-storage"}:
        mebi = _whole(amount / 1024**2, up=up)
        return f"{mebi // 1024}Gi {name}" if mebi % 1024 == 0 and mebi else f"{mebi}Mi {name}"
    return f"{_whole(amount, up=up)} {name}"


def format_amounts(needed: Amounts) -> str:
    """The amounts that a pod needs, in one phrase, without the pod slot."""
    parts = [format_amount(n, needed[n]) for n in sorted(needed) if needed[n] and n != "pods"]
    return " and ".join(parts) or "no CPU or memory"


def _of_container(container: Obj) -> Amounts:
    resources = container.get("resources") or {}
    return {**amounts(resources.get("limits")), **amounts(resources.get("requests"))}


def _most(parts: Sequence[Amounts]) -> Amounts:
    return {name: max(p.get(name, Fraction()) for p in parts) for part in parts for name in part}


def _whole(amount: Fraction, *, up: bool) -> int:
    return ceil(amount) if up else amount.numerator // amount.denominator
