"""`fogflow-k8s sandbox`: a Kubernetes of one's own on this machine."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from fogflow_k8s.commands.session import Output, print_json, session
from fogflow_k8s.errors import NotInstalled

if TYPE_CHECKING:
    from fogflow_k8s.sandbox.lifecycle import Status
    from fogflow_k8s.sandbox.state import State

app = typer.Typer(
    name="sandbox",
    help="A Kubernetes of one's own on this machine, with simulated nodes: to try things out, and for tests.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


Name = Annotated[str, typer.Option("--name", metavar="NAME", help="Which sandbox; several can run side by side.")]


@app.command()
def up(
    ctx: typer.Context,
    name: Name = "default",
    nodes: Annotated[int, typer.Option("--nodes", metavar="N", help="How many nodes, all of them counted.")] = 3,
    control_plane: Annotated[
        bool,
        typer.Option(
            "--control-plane-node/--no-control-plane-node",
            help="Whether the first node is a control plane node, tainted as usual.",
        ),
    ] = True,
    taint: Annotated[
        list[str] | None,
        typer.Option("--taint", metavar="NODE=KEY[=VALUE]:EFFECT", help="Taint a node; can be given several times."),
    ] = None,
    pods_per_node: Annotated[
        int, typer.Option("--pods-per-node", min=1, max=10000, metavar="N", help="How many pods a node takes.")
    ] = 110,
    no_switch: Annotated[
        bool, typer.Option("--no-switch", help="Add the context to the kubeconfig, but leave the current one.")
    ] = False,
) -> None:
    """Start a sandbox; the first time its programs are built, which takes some minutes."""
    from fogflow_k8s.sandbox import lifecycle, simulated

    names = simulated.node_names(nodes, control_plane=control_plane)
    taints = simulated.taints_by_node(taint or [], names)
    report = session(ctx).reporter
    try:
        state = lifecycle.up(
            name, report, nodes=names, taints=taints, pods_per_node=pods_per_node, switch=not no_switch
        )
    finally:
        report.close()
    _say(_how_to_go_on(state, switched=not no_switch))


@app.command()
def down(ctx: typer.Context, name: Name = "default") -> None:
    """End a sandbox and remove everything of it; twice is once."""
    from fogflow_k8s.sandbox import lifecycle

    existed = lifecycle.down(name, session(ctx).reporter)
    _say(f"sandbox {name} is gone" if existed else f"there is no sandbox {name}: nothing to do")


@app.command()
def status(name: Name = "default", output: Output = "table") -> None:
    """Say what runs."""
    from dataclasses import asdict

    from fogflow_k8s.sandbox import lifecycle

    now = lifecycle.status(name)
    print_json(asdict(now)) if output == "json" else typer.echo(_table(now))


@app.command()
def kubeconfig(name: Name = "default") -> None:
    """Print the path of the sandbox's own kubeconfig file."""
    typer.echo(_existing(name).kubeconfig)


@app.command()
def env(name: Name = "default") -> None:
    """Print shell lines that set KUBECONFIG, HELM and KUBECTL: eval "$(fogflow-k8s sandbox env)"."""
    from fogflow_k8s.sandbox import programs

    values = {"KUBECONFIG": _existing(name).kubeconfig}
    values |= {key: path for key in ("HELM", "KUBECTL") if (path := programs.find(key.lower()))}
    for key, value in values.items():
        typer.echo(f"export {key}={shlex.quote(str(value))}")


def _existing(name: str) -> State:
    from fogflow_k8s.sandbox.state import load

    if state := load(name):
        return state
    raise NotInstalled(f"there is no sandbox {name}", hint=f"fogflow-k8s sandbox up{_flag(name)}")


def _how_to_go_on(state: State, *, switched: bool) -> str:
    context = state.entry.context if state.entry else ""
    flag = "" if switched else f" --context {context}"
    return "\n".join(
        [
            f"The context is {context}{', now the current one' if switched else '; the current one is as it was'}.",
            "Its nodes are SIMULATED: Kubernetes is real, but no container runs, so nothing answers at a pod.",
            "",
            f"  fogflow-k8s deploy --external-ip 192.0.2.10{flag}",
            f"  fogflow-k8s sandbox down{_flag(state.name)}",
        ]
    )


def _table(now: Status) -> str:
    lines = [f"sandbox {now.name}: {now.state}"]
    if now.state != "absent":
        lines += [f"  API server  {now.server}", f"  context     {now.context}", f"  kubeconfig  {now.kubeconfig}"]
        lines += [f"  {name:<20}{'runs' if runs else 'DEAD'}" for name, runs in now.daemons.items()]
        lines.append(
            f"  nodes       {sum(now.nodes.values())} of {len(now.nodes)} Ready (simulated: no container runs)"
        )
        lines += [f"    not ready: {name}" for name, ready in now.nodes.items() if not ready][:10]
    return "\n".join(lines)


def _flag(name: str) -> str:
    return "" if name == "default" else f" --name {name}"


def _say(text: str) -> None:
    typer.echo(text, err=True)
