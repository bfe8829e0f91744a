"""The note about values that an upgrade drops: options of the earlier deploy that this one does not repeat.

A deploy sets exactly the values of its own command line and files. An option that was given once, such as --external-ip, is not
remembered, so its value returns to the default.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.release.prepare import Prepared
from fogflow_k8s.errors import FogflowError
from fogflow_k8s.model.diff.fields import changes
from fogflow_k8s.model.listed import listed
from fogflow_k8s.model.release.dropped_values import dropped_keys
from fogflow_k8s.model.settings.presets import Preset, preset_in, values_of

_AUTOMATIC = ("ipv6", "networkPolicy.apiServer.", "networkPolicy.dns.", "designer.persistence.enabled")
"""Keys that a deploy decides from the cluster: the user may not have set them."""
_MOST = 8  # keys in the line


def warn_of_dropped_values(op: Operation, prepared: Prepared) -> None:
    """Report the keys that the newest revision sets and this deploy does not, if the manifests change, in one line."""
    installed = prepared.installed
    if not installed or not changes(installed.objects, prepared.objects):
        return
    number = installed.newest.number
    try:
        before = json.loads(op.helm.read_text(op.helm.start_values(number)) or "{}") or {}
    except FogflowError as error:  # the note is not worth a failed deploy
        op.report.log(op.mask(f"not checked which values of revision {number} are dropped: {error.message}"))
        return
    keys = _dropped_by_the_user(before, prepared, preset_in(installed.objects))
    if keys:
        shown = listed(keys, _MOST)
        op.report.warn(
            f"revision {number} sets values that this deploy does not set, so they return to their defaults: {shown}; to keep "
            "them, repeat the options and files of that deploy. Its values: "
            f"{op.helm.typed} -n {op.namespace} get values {op.release} --revision {number}"
        )


def _dropped_by_the_user(before: Mapping[str, Any], prepared: Prepared, former_preset: str) -> list[str]:
    """The keys of the values `before` that the user set then and does not set now.

    The stored values do not say who set a key. A preset's key counts as the user's if the same preset gives another value now.
    """
    of_preset = set(dropped_keys(values_of(Preset(former_preset, "", None)), {})) if former_preset else set()
    same = prepared.preset is not None and prepared.preset.name == former_preset
    unset = dropped_keys(before, prepared.values)

    def dropped(key: str) -> bool:
        if key in of_preset:
            return same and _value(before, key) != _value(prepared.values, key)
        return key in unset and not key.startswith(_AUTOMATIC)

    return [key for key in dropped_keys(before, prepared.request.values) if dropped(key)]


def _value(values: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key; None when it is not set."""
    found: Any = values
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
