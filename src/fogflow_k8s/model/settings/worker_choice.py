"""Which worker a release uses: the upstream worker, FogFlow's own, or the native worker of this project.

`worker.implementation` names one, or is `auto`. This module is the rule for `auto`; the chart's helper
`fogflow.worker.implementation` is the same rule for users of Helm alone, and a test compares both. An upgrade keeps the worker of
the installed release, because a change of the worker removes all tasks and starts them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from fogflow_k8s.model.components import WORKERS
from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.manifests import component_of, keeps_tasks, workloads

Implementation = Literal["upstream", "native"]
AUTO: Literal["auto"] = "auto"
NATIVE_REGISTRY = ""
"""The registry of the native worker's image in the charts' defaults. It is empty in git; `make artifacts REGISTRY=...` sets it in what
is released, here and in both values.yaml."""
NO_NATIVE_IMAGE = (
    "worker.implementation is native, but worker.nativeImage.registry is empty, so the image has no registry to be pulled from: "
    "push the image (fogflow-k8s images build --push REGISTRY/fogflow-k8s/worker:TAG) and set worker.nativeImage.registry "
    "(localhost = the image is loaded on every node), or set worker.implementation to upstream"
)


def chosen(asked: Literal["auto", "upstream", "native"], registry: str) -> Implementation:
    """The worker of a new release. `asked`: worker.implementation; `registry`: worker.nativeImage.registry."""
    if asked == AUTO:
        return "native" if registry else "upstream"
    return asked


def used(objects: Iterable[Obj]) -> Implementation | None:
    """The worker of a release with these objects; None when they contain no worker."""
    found = [keeps_tasks(each) for each in workloads(objects) if component_of(each) in WORKERS]
    return None if not found else "native" if all(found) else "upstream"


def keep_installed(values: Mapping[str, Any], objects: Iterable[Obj]) -> dict[str, Any]:
    """`values` for an upgrade of a release with these objects: where they leave the worker open, the release keeps its worker."""
    section = values.get("worker") or {}
    asked = section.get("implementation") or AUTO
    registry = (section.get("nativeImage") or {}).get("registry", NATIVE_REGISTRY) or ""
    installed = used(objects) if asked == AUTO else None
    if installed is None or installed == chosen(asked, registry):
        return dict(values)
    from fogflow_k8s.model.settings.base import merge  # with pydantic, which commands that only read do not load

    return merge(values, {"worker": {"implementation": installed}})
