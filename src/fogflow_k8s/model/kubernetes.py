"""Access to the common parts of Kubernetes objects, which are plain dictionaries as in the API server's JSON.

Typed classes would add most of a second to every start and reject fields of newer servers. A part that is absent or null is
returned as an empty dictionary.
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
    """Its spec: the desired state."""
    return obj.get("spec") or {}


def status_of(obj: Obj) -> dict[str, Any]:
    """Its status: the observed state."""
    return obj.get("status") or {}
