"""The commands `sandbox`: run a Kubernetes cluster on this machine, for trials and tests."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fogflow_k8s.commands.grouped import Grouped
from fogflow_k8s.commands.options import Output
from fogflow_k8s.commands.session import print_json, session_of
from fogflow_k8s.errors import NotInstalled, UsageError

if TYPE_CHECKING:
    from fogflow_k8s.sandbox.lifecycle import Status
    from fogflow_k8s.sandbox.state import SandboxState

app = typer.Typer(
    name="sandbox",
    help="Run a Kubernetes cluster on this machine for trials and tests. Its nodes are simulated or real.",
    no_args_is_help=True,
    rich_markup_mode=None,
    cls=Grouped,
)


Name = Annotated[str, typer.Option("--name", metavar="NAME", help="Name of the sandbox; several can run side by side.")]


@app.command()
def up(
    ctx: typer.Context,
    name: Name = "default",
    nodes: Annotated[
        int, typer.Option("--nodes", metavar="N", help="Number of nodes, including control plane nodes.")
    ] = 3,
    real: Annotated[
        bool,
        typer.Option(
            "--real/--simulated", help="Real nodes run containers (Linux and root required); simulated nodes run none."
        ),
    ] = False,
    control_planes: Annotated[
        int, typer.Option("--control-planes", min=1, max=5, metavar="N", help="Number of etcd members and API servers.")
    ] = 1,
    control_plane: Annotated[
        bool | None,
        typer.Option(
            "--control-plane-node/--no-control-plane-node",
            help="Make the first nodes control plane nodes, one per control plane, with the usual NoSchedule taint. "
            "[default: if other nodes are left, which take pods]",
        ),
    ] = None,
    taint: Annotated[
        list[str] | None,
        typer.Option("--taint", metavar="NODE=KEY[=VALUE]:EFFECT", help="Taint a node (repeatable)."),
    ] = None,
    pods_per_node: Annotated[
        int, typer.Option("--pods-per-node", min=1, max=10000, metavar="N", help="Maximum number of pods per node.")
    ] = 110,
    ipv6: Annotated[
        bool, typer.Option("--ipv6", help="Use only IPv6 addresses for nodes, pods and Services; requires --real.")
    ] = False,
    no_switch: Annotated[
        bool, typer.Option("--no-switch", help="Add the context to the kubeconfig, but keep the current context.")
    ] = False,
) -> None:
    """Start a sandbox. The first start builds its programs, which takes some minutes."""
    from fogflow_k8s.sandbox import lifecycle, simulated

    if ipv6 and not real:
        raise UsageError("simulated nodes have no IPv6 addresses", hint="fogflow-k8s sandbox up --real --ipv6")
    planes = simulated.control_plane_nodes(nodes, control_planes, asked=control_plane)
    names = simulated.node_names(nodes, control_planes=planes)
    taints = simulated.taints_by_node(taint or [], names)
    report = session_of(ctx).reporter
    spec = lifecycle.SandboxSpec(names, taints, pods_per_node, control_planes, real, ipv6)
    try:
        state = lifecycle.up(name, report, spec, switch=not no_switch)
    finally:
        report.close()
    _log(_next_steps(state, switched=not no_switch))


@app.command()
def down(ctx: typer.Context, name: Name = "default") -> None:
    """Stop a sandbox and remove all its data. Succeeds if the sandbox does not exist."""
    from fogflow_k8s.sandbox import lifecycle
    from fogflow_k8s.sandbox.state import other_names

    existed = lifecycle.down(name, session_of(ctx).reporter)
    others = "" if existed else "".join(f"; there is {other} (--name {other})" for other in other_names(name))
    _log(f"sandbox {name} was removed" if existed else f"there is no sandbox {name}: nothing to do{others}")


@app.command()
def status(name: Name = "default", output: Output = "table") -> None:
    """Show the state of the sandbox, its programs and its nodes."""
    from fogflow_k8s.console.facts import sandbox_document
    from fogflow_k8s.sandbox import lifecycle

    now = lifecycle.status(name)
    print_json(sandbox_document(now)) if output == "json" else typer.echo(_table(now))


@app.command()
def kubeconfig(name: Name = "default") -> None:
    """Print the path of the sandbox's own kubeconfig file."""
    typer.echo(_existing(name).kubeconfig)


@app.command()
def env(name: Name = "default") -> None:
    """Print shell commands that set KUBECONFIG, HELM and KUBECTL: eval "$(fogflow-k8s sandbox env)"."""
    from fogflow_k8s.sandbox import programs

    values = {"KUBECONFIG": _existing(name).kubeconfig}
    values |= {key: path for key in ("HELM", "KUBECTL") if (path := programs.find_program(key.lower()))}
    for key, value in values.items():
        typer.echo(f"export {key}={shlex.quote(str(value))}")


@app.command()
def load(
    ctx: typer.Context,
    archives: Annotated[list[Path], typer.Argument(metavar="IMAGE.tar...", help="Archive of `docker save`.")],
    name: Name = "default",
) -> None:
    """Load images into a sandbox with real nodes, under their own names."""
    from fogflow_k8s.sandbox import operate

    for tag in operate.load_images(name, archives, session_of(ctx).reporter):
        _log(f"loaded {tag}")


node_app = typer.Typer(name="node", help="Stop and start nodes.", no_args_is_help=True, rich_markup_mode=None, cls=Grouped)  # fmt: skip
app.add_typer(node_app)
NodeName = Annotated[str, typer.Argument(metavar="NODE", help="Node name, as `kubectl get nodes` shows it.")]


@node_app.command("stop")
def stop_node(ctx: typer.Context, node: NodeName, name: Name = "default") -> None:
    """Stop a node, as a power failure does. A control plane node's etcd and API server stop, too."""
    from fogflow_k8s.sandbox import operate

    operate.stop_node(name, node, session_of(ctx).reporter)
    _log(f"{node} is stopped")


@node_app.command("start")
def start_node(ctx: typer.Context, node: NodeName, name: Name = "default") -> None:
    """Start a stopped node."""
    from fogflow_k8s.sandbox import operate

    operate.start_node(name, node, session_of(ctx).reporter)
    _log(f"{node} is started; it will be Ready in a few seconds")


def _existing(name: str) -> "SandboxState":
    from fogflow_k8s.sandbox.state import absence_hint, load_state

    if state := load_state(name):
        return state
    raise NotInstalled(f"there is no sandbox {name}", hint=absence_hint(name))


def _next_steps(state: "SandboxState", *, switched: bool) -> str:
    context = state.entry.context if state.entry else ""
    flag = "" if switched else f" --context {context}"
    return "\n".join(
        [
            f"The context is {context}{', now the current one' if switched else '; the current one is unchanged'}.",
            *_about_nodes(state),
            "",
            f"  fogflow-k8s deploy --external-ip {state.net.node(0) if state.real else '192.0.2.10'}{flag}",
            f"  fogflow-k8s sandbox down{_flag(state.name)}",
        ]
    )


def _about_nodes(state: "SandboxState") -> list[str]:
    if state.real:
        return [
            "Its nodes are real: each has a containerd, a kubelet and a kube-proxy. They pull images only from the sandbox's own registry:",
            f"  fogflow-k8s sandbox load IMAGE.tar{_flag(state.name)}",
        ]
    return ["Its nodes are SIMULATED: Kubernetes is real, but no container runs, so no pod answers."]


def _table(now: "Status") -> str:
    lines = [f"sandbox {now.name}: {now.state}"]
    if now.state != "absent":
        lines += [f"  API server  {now.server}", f"  context     {now.context}", f"  kubeconfig  {now.kubeconfig}"]
        lines += [
            f"  {name:<24}{'runs' if runs else 'off' if name in now.off else 'ended'}"
            for name, runs in now.daemons.items()
        ]
        lines.append(
            f"  nodes       {sum(now.nodes.values())} of {len(now.nodes)} Ready{' (simulated: no container runs)' if now.simulated else ''}"
        )
        lines += [f"    not ready: {name}" for name, ready in now.nodes.items() if not ready][:10]
    return "\n".join(lines)


def _flag(name: str) -> str:
    return "" if name == "default" else f" --name {name}"


def _log(text: str) -> None:
    typer.echo(text, err=True)
