"""The request of a user to `deploy`, `diff` and `check`: chart, values and options from the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fogflow_k8s.model.diff.three_way import Difference

DryRun = Literal["client", "server"]


@dataclass(frozen=True)
class Login:
    """The login of an edge at its cloud's RabbitMQ: the password, and the Secret that stores it."""

    secret: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Request:
    """A request to deploy. `values` are those that the user set, already validated."""

    chart: Path
    values: Mapping[str, Any]
    config: Path | None = None
    timeout_s: float = 300.0
    wait: bool = True
    rollback_on_failure: bool = True
    force_conflicts: bool = False
    take_ownership: bool = False  # of objects of other tools, and of a release of another chart
    dry_run: DryRun | None = None
    expect_cluster: str | None = None  # the UID that the cluster must have
    allow_other_cluster: bool = False
    preset: str | None = None  # None: the preset that fits the cluster
    login: Login | None = None  # of an edge: preset, RabbitMQ's Secret and volumes are decided for a cloud only
    force: bool = False  # accept changes that lose data
    confirm: Callable[[Difference], None] | None = None  # asks before a release is changed; raises Refused
