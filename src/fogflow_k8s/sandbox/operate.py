"""Operations on a running sandbox: load an image, stop a node, start it again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fogflow_k8s.adapters.kubernetes.paths import path_of
from fogflow_k8s.engine.reporter import Reporter
from fogflow_k8s.errors import NotInstalled, UsageError
from fogflow_k8s.model.suggestions import suggestion
from fogflow_k8s.sandbox import daemons, images, programs, real
from fogflow_k8s.sandbox.state import SandboxState, absence_hint, kill, load_state, sandbox_lock

_FAULT = "sandbox.fogflow-k8s.io/fault"


def require_running(name: str) -> SandboxState:
    """Return the record of a running sandbox. Raises NotInstalled."""
    state = load_state(name)
    if state is None or not daemons.running_daemons(state):
        raise NotInstalled(f"no sandbox {name} is running", hint=absence_hint(name, real=True))
    return state


def load_images(name: str, archives: Sequence[Path], report: Reporter) -> list[str]:
    """Push the images of `docker save` archives to the sandbox's registry, under the names in the archives.

    The sandbox keeps the archives, because its registry loses names when it restarts; `up` pushes them again. Raises
    UsageError, NotInstalled, FogflowError.
    """
    tags = {archive: images.tags_of(archive) for archive in archives}
    with sandbox_lock(name, report):
        state = require_running(name)
        if not state.real:
            raise UsageError(
                f"sandbox {name} has simulated nodes, which run no image",
                hint="create one with real nodes: fogflow-k8s sandbox up --real",
            )
        crane = programs.ensure(["crane"], report)["crane"]
        for archive, names in tags.items():
            images.push(crane, archive, names, state.control_plane.endpoint("registry"))
            images.store_archive(archive, names, state.folder / "images")
    return [tag for names in tags.values() for tag in names]


def stop_node(name: str, node: str, report: Reporter) -> None:
    """Stop a node like a power failure; a control plane node takes its member of the control plane with it. Raises UsageError."""
    with sandbox_lock(name, report):
        state = _state_with_node(name, node)
        if node in state.off:
            raise UsageError(f"{node} is already stopped", hint=f"fogflow-k8s sandbox node start {node}")
        if state.real:
            real.power_off(state, node)
        else:
            _set_fault(state, node, "not-ready")
            state.off = sorted({*state.off, node})
            state.save()
        alive = daemons.running_daemons(state)
        kill([alive[each].pid for each in daemons.daemons_of_node(state, node) if each in alive])


def start_node(name: str, node: str, report: Reporter) -> None:
    """Start a stopped node. Raises UsageError, FogflowError."""
    with sandbox_lock(name, report):
        state = _state_with_node(name, node)
        if node not in state.off:
            raise UsageError(f"{node} is not stopped", hint=f"to stop it: fogflow-k8s sandbox node stop {node}")
        for each in daemons.daemons_of_node(state, node):
            daemons.start_daemon(state, each)
        if state.real:
            real.power_on(state, node)
            return
        state.off = [other for other in state.off if other != node]
        state.save()
        daemons.wait_for_api_server(state)
        _set_fault(state, node, None)


def _state_with_node(name: str, node: str) -> SandboxState:
    state = require_running(name)
    if node not in state.nodes:
        hint = suggestion(node, state.nodes, f"it has {', '.join(state.nodes[:5])}")
        raise UsageError(f"sandbox {name} has no node {node!r}", hint=hint)
    return state


def _set_fault(state: SandboxState, node: str, fault: str | None) -> None:
    """Stop or start a simulated node by a label; kwok sets a node with this label to not ready."""
    body = {"metadata": {"labels": {_FAULT: fault}}}
    with state.cluster() as cluster:
        path = path_of("Node", name=node)
        cluster.request("PATCH", path, body=body, content_type="application/merge-patch+json")
