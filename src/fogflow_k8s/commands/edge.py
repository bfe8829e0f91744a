"""The commands `edge`: `token create`, `list` and `remove` run at the cloud; `join`, `check` and `leave` run at the edge."""

import sys
from typing import TYPE_CHECKING, Annotated, cast

import typer

from fogflow_k8s.commands import complete, settings
from fogflow_k8s.commands.bundle import Folder, OnFailure, failure_folder
from fogflow_k8s.commands.grouped import Grouped
from fogflow_k8s.commands.options import EventsOutput, Output, Timeout, Yes, among, seconds
from fogflow_k8s.commands.session import Session, print_json, session_of

if TYPE_CHECKING:
    from fogflow_k8s.actions.edge.join import Connectivity, JoinResult

app = typer.Typer(
    name="edge",
    help="Manage edges: other clusters that join this FogFlow.",
    no_args_is_help=True,
    rich_markup_mode=None,
    cls=Grouped,
)
token_app = typer.Typer(
    name="token",
    help="Create the tokens that edges join with.",
    no_args_is_help=True,
    rich_markup_mode=None,
    cls=Grouped,
)
app.add_typer(token_app)

Site = Annotated[
    str, typer.Option("--site", help="Site id of the edge: 1 to 32 letters and digits, unique to this edge.")
]
_CONNECTIVITIES = ("direct", "overlay")


@token_app.command("create")
def create(
    ctx: typer.Context,
    site: Site,
    ttl: Annotated[str, typer.Option(help="How long an edge can join with the token, like 30m or 24h.")] = "1h",
    external_ip: Annotated[
        str,
        typer.Option(
            "--external-ip",
            help="Address at which edges reach this cloud. [default: that of expose.edge; "
            "required for its type nodePort]",
        ),
    ] = "",
    edge_cidr: Annotated[
        list[str],
        typer.Option(
            "--edge-cidr",
            help="CIDR of the edge's addresses; the command checks that the cloud lets them in (repeatable).",
        ),
    ] = [],  # noqa: B006 - typer makes a new list each time
    output: Output = "table",
) -> None:
    """Create a login for one edge at the cloud. Prints the command that the edge joins with.

    The token is shown only once.
    """
    from fogflow_k8s.actions.edge.cloud import TokenRequest
    from fogflow_k8s.actions.edge.cloud import create as action
    from fogflow_k8s.console.edge import token_document
    from fogflow_k8s.model.edge.token import encode

    session = session_of(ctx)
    wanted = TokenRequest(site, seconds(ttl), external_ip, tuple(edge_cidr))
    token = action(session.operation(helm_needed=False), session.kubectl(), wanted)
    text = encode(token)
    if output == "json":
        print_json(token_document(token, text))
        return
    sys.stderr.write(
        f"Token for site {site}, valid once, within {ttl}. It contains a password and is not shown again: keep it secret.\n"
        "Run this command on the edge, with the edge's own kubeconfig:\n\n"
    )
    sys.stdout.write(f"fogflow-k8s edge join - <<'TOKEN'\n{text}\nTOKEN\n")


NOT_KNOWN_YET = "192.0.2.1"
"""Stands for the edge's own address while its settings are validated; reserved for documentation (RFC 5737)."""


@app.command()
def join(
    ctx: typer.Context,
    token: Annotated[
        str,
        typer.Argument(
            metavar="TOKEN|-",
            help="Token of `edge token create`; - reads it from stdin, so that `ps` does not show it.",
        ),
    ],
    external_ip: Annotated[
        str,
        typer.Option(
            "--external-ip", help="Address at which the cloud reaches this edge. [default: that of the only node]"
        ),
    ] = "",
    connectivity: Annotated[
        str,
        typer.Option(
            callback=among("--connectivity", *_CONNECTIVITIES),
            autocompletion=complete.words(*_CONNECTIVITIES),
            help="How the cloud reaches this edge: direct (routed, or through a forwarded port) or overlay (through a "
            "VPN whose address is --external-ip).",
        ),
    ] = "direct",
    values: settings.ValuesFiles = [],  # noqa: B006 - typer makes a new list each time
    set_: settings.Set = [],  # noqa: B006
    timeout: Timeout = "5m",
    expect_cluster: settings.ExpectCluster = "",
    bundle: OnFailure = True,
    bundle_dir: Folder = None,
    output: EventsOutput = "table",
) -> None:
    """Join this cluster to a cloud as an edge. Waits until the cloud sees the edge's broker and worker.

    First checks the token, the clock and every port of the cloud, then installs the broker and the worker.
    """
    from fogflow_k8s.actions.edge.join import JoinRequest, read, values_of
    from fogflow_k8s.actions.edge.join import join as action
    from fogflow_k8s.actions.preconditions import prerequisites
    from fogflow_k8s.adapters.assets import asset
    from fogflow_k8s.adapters.settings.load import load_edge_settings

    session = session_of(ctx, output)
    known = read(sys.stdin.read() if token.strip("-") == "" else token)
    given = load_edge_settings(values, set_, values_of(known, external_ip or NOT_KNOWN_YET, connectivity))
    op = session.operation()
    op.bundles = failure_folder(bundle_dir, enabled=bundle)
    prerequisites.require(op)
    wanted = JoinRequest(
        known, asset("charts/fogflow-edge-chart"), given, external_ip, cast("Connectivity", connectivity), seconds(timeout), expect_cluster or None
    )  # fmt: skip
    joined = action(op, wanted)
    _print_joined(session, joined, output)
    raise typer.Exit(joined.outcome.exit_code)


@app.command("check")
def check_(ctx: typer.Context, output: Output = "table") -> None:
    """Test the connection of this edge to its cloud and back. Exits with 40 if a test fails.

    The test is a round trip. If NAT or a firewall blocks the way from the cloud, the command prints the consequences.
    """
    from fogflow_k8s.actions.edge.check import check
    from fogflow_k8s.console.edge import connectivity_document, connectivity_screen

    session = session_of(ctx)
    report = check(session.operation(helm_needed=False), session.kubectl())
    print_json(connectivity_document(report)) if output == "json" else session.print(connectivity_screen(report))
    raise typer.Exit(0 if report.proof.ok else 40)


@app.command("list")
def list_(
    ctx: typer.Context,
    prune: Annotated[
        bool, typer.Option("--prune", help="Also remove the logins of tokens that expired unused.")
    ] = False,
    output: Output = "table",
) -> None:
    """List the edges of this cloud. Shows the token of each edge.

    Also shows whether its broker and worker are listed, and when they were last seen.
    """
    from fogflow_k8s.actions.edge.cloud import edges
    from fogflow_k8s.console.edge import list_document, list_screen

    session = session_of(ctx)
    listing = edges(session.operation(helm_needed=False), session.kubectl(), prune=prune)
    for site in listing.pruned:
        session.reporter.step(f"the token for site {site} expired unused: its login was removed")
    print_json(list_document(listing)) if output == "json" else session.print(list_screen(listing))


@app.command()
def leave(
    ctx: typer.Context,
    cloud_context: Annotated[
        str,
        typer.Option(
            "--cloud-context", help="Kubeconfig context of the cloud's cluster, to remove the login there as well."
        ),
    ] = "",
    cloud_namespace: Annotated[
        str, typer.Option("--cloud-namespace", help="Namespace of the cloud's release.")
    ] = "fogflow",
    timeout: Timeout = "5m",
    yes: Yes = False,
) -> None:
    """Remove this edge from its cloud. Stops the tasks, and removes the release and its login.

    The login at the cloud is removed only if --cloud-context is given.
    """
    from fogflow_k8s.actions.edge.check import leave as action

    session = session_of(ctx)
    op = session.operation()
    session.confirm(f"Remove the edge {op.release} in namespace {op.namespace} and its tasks from its cloud?", yes=yes)
    site = action(op, timeout_s=seconds(timeout))
    if not site:
        op.report.step(f"nothing to do: there is no release {op.release} in namespace {op.namespace}")
    elif cloud_context:
        _remove(
            Session(
                context=cloud_context, kubeconfig=session.kubeconfig, namespace=cloud_namespace, quiet=session.quiet
            ),
            site,
        )
    else:
        op.report.step(
            f"site {site} has left; its login still exists at the cloud. There, run: fogflow-k8s edge remove {site}"
        )


@app.command()
def remove(
    ctx: typer.Context,
    site: Annotated[str, typer.Argument(metavar="SITE", help="Site id of the edge.")],
    yes: Yes = False,
) -> None:
    """Remove an edge's login and record at the cloud. RabbitMQ closes the connections of this login at once."""
    session = session_of(ctx)
    session.confirm(f"Remove the login of edge {site}?", yes=yes)
    _remove(session, site)


def _remove(session: Session, site: str) -> None:
    from fogflow_k8s.actions.edge.cloud import remove as action

    action(session.operation(helm_needed=False), session.kubectl(), site)
    session.reporter.step(f"site {site}: its login and its queues at the cloud were removed")


def _print_joined(session: Session, joined: "JoinResult", output: str) -> None:
    from fogflow_k8s.console.edge import joined_document, joined_lines

    if output in {"json", "jsonl"}:
        session.print_document(joined_document(joined), output)
    else:
        session.print_outcome(joined.outcome, output)
        if not joined.outcome.exit_code:
            sys.stdout.write("\n".join(["", *joined_lines(joined), ""]))
