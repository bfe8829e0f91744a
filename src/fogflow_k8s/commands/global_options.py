"""The global options, which are accepted before and after the command, as kubectl and helm accept theirs."""

import re
from typing import NamedTuple

GLOBAL_WITH_VALUE = ("--context", "--kubeconfig", "-n", "--namespace", "--release")
GLOBAL_FLAGS = ("--no-color", "-q", "--quiet", "-v", "--verbose")


class CommandLine(NamedTuple):
    """A command line, separated into its global options and the rest."""

    front: list[str]  # the global options
    rest: list[str]  # the command, its options and arguments
    dangling: str = ""  # a global option at the end, without its value


def move_global_options_first(argv: list[str]) -> list[str]:
    """The same command line with the global options before the command, where the parser expects them.

    Every form that kubectl accepts is allowed: -n NAME, -nNAME, -n=NAME, --namespace NAME, --namespace=NAME, -qv. What
    follows `--` stays as it is. An option at the end without its value stays there, so that the parser reports it: before
    the command, it would take the command as its value.
    """
    front, rest, dangling = separate(argv)
    return [*front, dangling] if dangling else front + rest


def separate(argv: list[str]) -> CommandLine:
    """The command line in two parts; what follows `--` belongs to the rest."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in GLOBAL_FLAGS or word.startswith(tuple(f"{o}=" for o in GLOBAL_WITH_VALUE if o.startswith("--"))):
            front.append(word)
        elif word in GLOBAL_WITH_VALUE or re.fullmatch("-[qv]+n", word):
            if (value := next(words, None)) is None:
                return CommandLine(front, rest, word)
            front += [word, value]
        elif word != "-" and (short := re.fullmatch(r"-([qv]*)(?:n=?(.*))?", word, re.DOTALL)):
            flags, name = short.groups()
            front += [f"-{flags}"] * bool(flags) + ([] if name is None else ["-n", name])
        else:
            rest.append(word)
    return CommandLine(front, rest)
