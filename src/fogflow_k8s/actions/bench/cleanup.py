"""The removal of what a run of `bench` makes: at its end, after Ctrl-C, and after an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.errors import FogflowError, Interrupted

_REMOVED = "interrupted: everything that was created is removed again"


@contextmanager
def removing(op: Operation, remove: Callable[[], object]) -> Iterator[None]:
    """Call `remove` once after the block. Raises Interrupted after Ctrl-C, and what `remove` raises.

    After an error of the block, an error of the removal is a warning: the command ends with the first one.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        op.report.warn("interrupted: removing what was created; another Ctrl-C would leave it")
        _once(remove)
        raise Interrupted(_REMOVED) from error
    except Exception:  # also a bug of ours leaves nothing behind
        try:
            _once(remove)
        except Interrupted:
            raise
        except FogflowError as error:
            hint = error.hint or "fogflow-k8s doctor shows what is left"
            op.report.warn(f"not everything could be removed again: {error.message}; {hint}")
        raise
    _once(remove)


def _once(remove: Callable[[], object]) -> None:
    """Remove; after a Ctrl-C during the removal, start it again. Raises Interrupted then."""
    try:
        remove()
    except KeyboardInterrupt as error:
        remove()
        raise Interrupted(_REMOVED) from error
