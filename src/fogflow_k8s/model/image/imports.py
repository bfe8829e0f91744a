"""The modules that a Python module imports, directly and indirectly, found in the source text.

`images build` uses it to copy only the modules that the native worker needs. Nothing is imported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping


def needed(sources: Mapping[str, str], start: str) -> list[str]:
    """The names of all modules that `start` and its submodules need, packages above them too, sorted.

    `sources` has the text of every module by name; a package has its own name (the text of its __init__). Modules that are not
    in `sources` are left out. Raises SyntaxError when a text is not Python.
    """
    found: set[str] = set()
    waiting = [name for name in sources if name == start or name.startswith(f"{start}.")]
    while waiting:
        name = waiting.pop()
        if name in found or name not in sources:
            continue
        found.add(name)
        waiting += _above(name)
        waiting += imported(sources[name])
    return sorted(found)


def imported(source: str) -> list[str]:
    """Every name that an import can refer to: for `from a.b import c` a.b, and a.b.c in case c is a module."""
    return sorted({name for node in _running(ast.parse(source)) for name in _names(node)})


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node except those that only a type checker reads."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        yield child
        yield from _running(child)


def _above(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]
