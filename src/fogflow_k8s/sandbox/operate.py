"""What people do to a running sandbox: load an image, cut a node's power, switch it on again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fogflow_k8s.adapters.kubernetes.paths import path_of
from fogflow_k8s.engine.reporter import Reporter
from fogflow_k8s.errors import NotInstalled, UsageError
from fogflow_k8s.model.suggestions import suggestion
from fogflow_k8s.sandbox import daemons, images, programs, real
from fogflow_k8s.sandbox.state import State, end, load, locked

_FAULT = "sandbox.fogflow-k8s.io/fault"


def running(name: str) -> State:
    """The record of a sandbox that runs. Raises NotInstalled."""
    state = load(name)
    if state is None or not daemons.live(state):
        flag = "" if name == "default" else f" --name {name}"
        raise NotInstalled(f"no sandbox {name} is running", hint=f"fogflow-k8s sandbox up --real{flag}")
    return state


def load_images(name: str, archives: Sequence[Path], report: Reporter) -> list[str]:
    """Put the images of `docker save` archives into the sandbox's registry, under the names that they bring.

    The archives are kept with the sandbox: its registry forgets names when it dies, and `up` fills it again. Raises
    UsageError, NotInstalled, FogflowError.
    """
    tags = {archive: images.tags_of(archive) for archive in archives}
    with locked(name, report):
        state = running(name)
        if not state.real:
            raise UsageError(f"sandbox {name} has simulated nodes, which run no image", hint="sandbox up --real")
        crane = programs.ensure(["crane"], report)["crane"]
        for archive, names in tags.items():
            images.push(crane, archive, names, state.plane.listens("registry"))
            images.keep(archive, names, state.folder / "images")
    return [tag for names in tags.values() for tag in names]


def stop_node(name: str, node: str, report: Reporter) -> None:
    """Cut a node's power; a control plane node's share of the control plane goes with it. Raises UsageError."""
    with locked(name, report):
        state = _with_node(name, node)
        if node in state.off:
            raise UsageError(f"{node} is off already", hint=f"fogflow-k8s sandbox node start {node}")
        if state.real:
            real.power_off(state, node)
        else:
            _set_fault(state, node, "not-ready")
            state.off = sorted({*state.off, node})
            state.save()
        alive = daemons.live(state)
        end([alive[each].pid for each in daemons.of_node(state, node) if each in alive])


def start_node(name: str, node: str, report: Reporter) -> None:
    """Switch a node on again. Raises UsageError, FogflowError."""
    with locked(name, report):
        state = _with_node(name, node)
        if node not in state.off:
            raise UsageError(f"{node} is on", hint=f"fogflow-k8s sandbox node stop {node}")
        for each in daemons.of_node(state, node):
            daemons.spawn(state, each)
        if state.real:
            real.power_on(state, node)
            return
        state.off = [other for other in state.off if other != node]
        state.save()
        daemons.await_server(state)
        _set_fault(state, node, None)


def _with_node(name: str, node: str) -> State:
    state = running(name)
    if node not in state.nodes:
        hint = suggestion(node, state.nodes, f"it has {', '.join(state.nodes[:5])}")
        raise UsageError(f"sandbox {name} has no node {node!r}", hint=hint)
    return state


def _set_fault(state: State, node: str, fault: str | None) -> None:
    """A simulated node has no power to cut; kwok plays a node that is not ready by this label."""
    body = {"metadata": {"labels": {_FAULT: fault}}}
    with state.cluster() as cluster:
        path = path_of("Node", name=node)
        cluster.request("PATCH", path, body=body, content_type="application/merge-patch+json")
