"""The probes of the command `check`, one module per subject. A probe returns a CheckOutcome.

A probe without the permission to read what it needs raises NotPermitted: the check is skipped, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeVar

from fogflow_k8s.actions.operation import or_if_forbidden
from fogflow_k8s.errors import FogflowError

T = TypeVar("T")


class NotPermitted(FogflowError):
    """A permission is missing: the check is skipped, with this reason."""


def unless_forbidden(ask: Callable[[], T], why: str) -> T:
    """The result of a request. Raises NotPermitted with `why` when the API server forbids it."""

    def refuse() -> NoReturn:
        raise NotPermitted(why)

    return or_if_forbidden(ask, refuse)
