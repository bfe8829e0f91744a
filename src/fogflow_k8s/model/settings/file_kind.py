"""Tells a config.json of FogFlow from a values.yaml of this chart by its top-level keys.

Both have sections named after components (`broker`, `worker`, ...), so only the keys that one of them has decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from fogflow_k8s.model.settings.base import key_names
from fogflow_k8s.model.settings.config import ALIASES, FogflowConfig
from fogflow_k8s.model.settings.config_keys import MOVED, RENAMED, REPLACED, UNUSED
from fogflow_k8s.model.settings.values import Values

Kind = Literal["config.json", "values.yaml"]


def kind_of(data: Mapping[str, Any]) -> Kind | None:
    """Which of the two files these settings are from; None if they have keys of both, or only keys that both have."""
    tables: Iterable[Mapping[tuple[str, ...], Any]] = (MOVED, RENAMED, REPLACED, UNUSED)
    config = {*key_names(FogflowConfig), *ALIASES, *(path[0] for table in tables for path in table)}
    values = set(key_names(Values))
    of_config, of_values = data.keys() & (config - values), data.keys() & (values - config)
    if bool(of_config) == bool(of_values):
        return None
    return "config.json" if of_config else "values.yaml"
