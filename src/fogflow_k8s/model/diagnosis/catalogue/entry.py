"""The form of an entry of the catalogue, and the classes and commands that the entries share."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["permanent", "transient", "blocked"]

CLASSES: dict[Kind, str] = {
    "permanent": "waiting does not help. `deploy` stops waiting within seconds",
    "transient": "it may resolve by itself. `deploy` continues to wait until its deadline",
    "blocked": "another component is the cause. Repair that one; this one then recovers",
}
"""What each class means: for `explain` and docs/errors.md."""

DESCRIBE = "kubectl -n {namespace} describe pod {pod}"
LOGS = "kubectl -n {namespace} logs {pod} -c {container} --previous"


class Entry(NamedTuple):  # not a dataclass: almost every command loads all entries, and these are quicker to make
    """One kind of problem: everything that the program says about its id.

    `kind` is the class (see CLASSES), `title` the problem in a few words, `explanation` its background in whole sentences,
    and `advice` what to do, one command or instruction a line, with placeholders in braces.
    """

    id: str
    kind: Kind
    title: str
    explanation: str
    advice: tuple[str, ...] = ()
