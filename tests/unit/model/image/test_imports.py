"""The modules that a module needs, found in the source text."""

import pytest

from fogflow_k8s.model.image.imports import imported, needed

SOURCES = {
    "ours": "",
    "ours.errors": "",
    "ours.model": "",
    "ours.model.tasks": "from ours import errors\n",
    "ours.model.values": "import pydantic\n",
    "ours.late": "",
    "ours.checked": "",
    "ours.worker": "",
    "ours.worker.__main__": "import asyncio\nfrom ours.worker.run import run\n",
    "ours.worker.run": (
        "from typing import TYPE_CHECKING\nfrom ours.model.tasks import Task\nimport ours.worker.bus\n"
        "if TYPE_CHECKING:\n    from ours import checked\n"
        "def run():\n    from ours.late import thing\n"
    ),
    "ours.worker.bus": "import aio_pika\n",
}


def test_needed_modules_are_found_and_no_others():
    assert needed(SOURCES, "ours.worker") == [
        "ours",
        "ours.errors",
        "ours.late",
        "ours.model",
        "ours.model.tasks",
        "ours.worker",
        "ours.worker.__main__",
        "ours.worker.bus",
        "ours.worker.run",
    ]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import a.b, c", ["a.b", "c"]),
        ("from a.b import c as d", ["a.b", "a.b.c"]),
        ("from . import x", []),
        ("if typing.TYPE_CHECKING:\n import a\nelse:\n import b", []),
        ("try:\n import a\nexcept ImportError:\n import b", ["a", "b"]),
    ],
)
def test_every_way_to_import(source, names):
    assert imported(source) == names


def test_no_such_package():
    assert needed(SOURCES, "ours.absent") == []
