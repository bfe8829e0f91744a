"""Manifests as text for the golden files: one form for one content.

A golden file shows what reaches the cluster, so the form depends on the objects alone: not on the templates that they come from,
on comments, quotes or the order of keys. Left out is what says nothing in a review and changes without a reason in the manifests:
the labels that all objects share (test_objects.py asserts them), checksums, and the text of scripts (tests/unit tests them). Left
out are NetworkPolicies, too: tests/policies/design.py says in a table what they allow, and test_network_policies.py asserts each
pair and each rule.
"""

from __future__ import annotations

import difflib
import json
from typing import Any

import yaml

COMMON_LABELS = frozenset({
    "app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component", "app.kubernetes.io/part-of",
    "app.kubernetes.io/managed-by", "app.kubernetes.io/version", "helm.sh/chart",
})  # fmt: skip
WORKLOADS = frozenset({"Deployment", "StatefulSet"})
_WIDTH = 120
_LONGEST_FLOW = 100


class _Dumper(yaml.SafeDumper):
    """Short innermost lists and mappings on one line, text of several lines as a block, no aliases."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:
        return _short(super().represent_sequence(tag, sequence, flow_style))

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        return _short(super().represent_mapping(tag, mapping, flow_style))

    def represent_text(self, data: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


_Dumper.add_representer(str, _Dumper.represent_text)


def _short(node: Any) -> Any:
    if node.flow_style:
        parts = [part for item in node.value for part in (item if isinstance(item, tuple) else (item,))]
        node.flow_style = sum(len(part.value) + 2 for part in parts) < _LONGEST_FLOW
    return node


def whole(manifests: list[dict[str, Any]]) -> str:
    """All objects, sorted by kind and name."""
    return "---\n".join(f"# {' '.join(place)}\n{_text(each)}" for place, each in sorted(_by_place(manifests).items()))


def difference(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> str:
    """What `after` has more (+) and less (-) than `before`, object by object; of a changed object only the changed lines."""
    old, new = _by_place(before), _by_place(after)
    parts = []
    for place in sorted(old.keys() | new.keys()):
        was, now = (_text(side[place]) if place in side else "" for side in (old, new))
        what = "changed" if was and now else "new" if now else "gone"
        lines = _changed_lines(was, now) if was and now else now
        if lines or not now:
            parts.append(f"# {what}: {' '.join(place)}\n{lines}")
    return "\n".join(parts)


def _by_place(manifests: list[dict[str, Any]]) -> dict[tuple[str, str, str], dict[str, Any]]:
    shown = [each for each in manifests if each["kind"] != "NetworkPolicy"]
    found = {_place(each): each for each in shown}
    assert len(found) == len(shown), "an object is there twice"
    return found


def _place(manifest: dict[str, Any]) -> tuple[str, str, str]:
    """Kind, namespace and name; one kind for all workloads, so that a Deployment is compared with the StatefulSet in its place."""
    kind, meta = manifest["kind"], manifest["metadata"]
    return ("Workload" if kind in WORKLOADS else kind, meta.get("namespace", ""), meta["name"])


def _changed_lines(old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), n=0)
    return "".join(line for line in lines if not line.startswith(("---", "+++", "@@")))


def _text(manifest: dict[str, Any]) -> str:
    plain = _plain(manifest)
    if manifest["kind"] == "ConfigMap" and "data" in plain:
        plain["data"] = {name: _file(name, text) for name, text in plain["data"].items()}
    return yaml.dump(plain, Dumper=_Dumper, default_flow_style=None, width=_WIDTH, allow_unicode=True)


def _file(name: str, text: str) -> Any:
    if name.endswith(".py"):
        return "(a script)"
    return json.loads(text) if name.endswith(".json") else text


def _plain(node: Any) -> Any:
    """A copy without common labels and without the values of checksums."""
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if not isinstance(node, dict):
        return node
    found = {key: _plain(value) for key, value in node.items()}
    if isinstance(meta := found.get("metadata"), dict):
        labels = {key: value for key, value in meta.pop("labels", {}).items() if key not in COMMON_LABELS}
        notes = meta.pop("annotations", {})
        notes = {key: "(a checksum)" if key.startswith("checksum/") else value for key, value in notes.items()}
        found["metadata"] = {
            **meta,
            **({"labels": labels} if labels else {}),
            **({"annotations": notes} if notes else {}),
        }
    return found
