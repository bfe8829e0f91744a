"""The command `deploy`: installs or upgrades a release, and waits until it works."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, cast

import typer

from fogflow_k8s.commands import settings
from fogflow_k8s.commands.bundle import Folder, OnFailure, failure_folder
from fogflow_k8s.commands.options import EventsOutput, Timeout, Yes, existing, seconds
from fogflow_k8s.commands.session import Session, session_of

if TYPE_CHECKING:
    from fogflow_k8s.actions.release.request import DryRun
    from fogflow_k8s.model.diff.three_way import Difference

TakeOwnership = Annotated[
    bool,
    typer.Option(
        "--take-ownership",
        help="Take over objects of the same names that kubectl, Argo CD or another Helm release created, like helm's "
        "--take-ownership.",
    ),
]


def deploy(
    ctx: typer.Context,
    external_ip: settings.ExternalIP = [],  # noqa: B006 - typer makes a new list each time
    config: settings.Config = None,
    values: settings.ValuesFiles = [],  # noqa: B006
    set_: settings.Set = [],  # noqa: B006
    expose: settings.Expose = "",
    preset: settings.Preset = "",
    timeout: Timeout = "5m",
    wait: settings.Wait = True,
    rollback_on_failure: settings.RollbackOnFailure = True,
    force_conflicts: settings.ForceConflicts = False,
    take_ownership: TakeOwnership = False,
    force: settings.Force = False,
    dry_run: settings.DryRun = "",
    allow_other_cluster: settings.AllowOtherCluster = False,
    expect_cluster: settings.ExpectCluster = "",
    yes: Yes = False,
    bundle: OnFailure = True,
    bundle_dir: Folder = None,
    output: EventsOutput = "table",
) -> None:
    """Install or upgrade FogFlow, wait until it is ready, and roll back if the upgrade fails. Idempotent.

    If the release already matches the settings, the command changes nothing.
    """
    session = session_of(ctx, output)
    timeout_s = seconds(timeout)  # errors of the command line are reported before the cluster is contacted
    existing(config, "--config")
    session.begin(ctx)
    from fogflow_k8s.actions.preconditions import prerequisites
    from fogflow_k8s.actions.release.deploy import deploy as action
    from fogflow_k8s.actions.release.request import Request
    from fogflow_k8s.adapters.assets import asset

    wanted = settings.load_values(config, values, set_, external_ip, expose, force=force)
    op = session.operation(wanted.namespace)
    op.bundles = failure_folder(bundle_dir, enabled=bundle)
    prerequisites.require(op)
    request = Request(
        chart=asset("charts/fogflow-chart"),
        values=wanted.given(),
        config=config,
        timeout_s=timeout_s,
        wait=wait,
        rollback_on_failure=rollback_on_failure,
        force_conflicts=force_conflicts,
        take_ownership=take_ownership,
        dry_run=cast("DryRun | None", dry_run or None),
        allow_other_cluster=allow_other_cluster,
        expect_cluster=expect_cluster or None,
        preset=preset or None,
        force=force,
        confirm=partial(_confirm, session, op.cluster.context) if session.interactive and not yes else None,
    )
    outcome = action(op, request)
    session.print_outcome(outcome, output)
    raise typer.Exit(outcome.exit_code)


def _confirm(session: Session, context: str, found: "Difference") -> None:
    """Show what changes in an installed release, and ask. Raises Refused for any answer but yes."""
    from fogflow_k8s.console.diff import diff_screen

    taken = " The fields changed by hand are taken over." if found.affected_drift else ""
    session.print_to_stderr(diff_screen(found, brief=True))
    session.confirm(f"Upgrade {found.release} in namespace {found.namespace} on {context}?{taken}", yes=False)
