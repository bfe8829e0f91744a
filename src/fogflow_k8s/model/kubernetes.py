"""Kubernetes objects are plain dictionaries, as the API server's JSON has them; this is how their common parts are read.

Typed classes would cost most of a second at every start, and refuse the fields of newer servers. A part that is absent, or null,
reads as empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Obj = Mapping[str, Any]
"""One object, or a part of one."""


def metadata_of(obj: Obj) -> dict[str, Any]:
    """Its metadata."""
    return obj.get("metadata") or {}


def labels_of(obj: Obj) -> dict[str, str]:
    """Its labels."""
    return metadata_of(obj).get("labels") or {}


def annotations_of(obj: Obj) -> dict[str, str]:
    """Its annotations."""
    return metadata_of(obj).get("annotations") or {}


def spec_of(obj: Obj) -> dict[str, Any]:
    """Its spec: what is wanted."""
    return obj.get("spec") or {}


def status_of(obj: Obj) -> dict[str, Any]:
    """Its status: what was observed."""
    return obj.get("status") or {}
