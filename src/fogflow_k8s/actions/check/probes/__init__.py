"""The checks of the verb `check`, by what they look at. Each probe answers Found; what may not be seen is skipped, and said."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fogflow_k8s.errors import ClusterError, FogflowError

T = TypeVar("T")


class Unseen(FogflowError):
    """We may not look: the check is skipped, with this reason."""


def unless_forbidden(ask: Callable[[], T], why: str) -> T:
    """What the API server answers. Raises Unseen with `why` when it does not allow us to ask."""
    try:
        return ask()
    except ClusterError as error:
        if error.status == 403:
            raise Unseen(why) from error
        raise
