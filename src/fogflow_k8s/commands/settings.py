"""The options that describe what to deploy, shared by several commands, and how they become validated values."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fogflow_k8s.commands import complete
from fogflow_k8s.commands.options import among, one_of

if TYPE_CHECKING:
    from fogflow_k8s.model.settings.values import Values

ExternalIP = Annotated[
    list[str], typer.Option("--external-ip", help="External IP address of the reverse proxy (repeatable).")
]
Config = Annotated[
    Path | None, typer.Option("--config", "-c", envvar="FOGFLOW_K8S_CONFIG", help="Path of FogFlow's config.json.")
]
ValuesFiles = Annotated[
    list[Path],
    typer.Option("--values", "-f", help="Values file for the chart (repeatable; later files take precedence)."),
]
Set = Annotated[list[str], typer.Option("--set", help="Set one value: key.path=value (repeatable).")]
_EXPOSE = {
    "none": "none",
    "external-ip": "externalIPs",
    "node-port": "nodePort",
    "load-balancer": "loadBalancer",
    "ingress": "ingress",
    "gateway": "gateway",
}
Expose = Annotated[
    str,
    typer.Option(
        autocompletion=complete.words(*_EXPOSE),
        help="How users reach FogFlow: none, external-ip, node-port, load-balancer, ingress or gateway.",
    ),
]
_PRESETS = ("single-node", "small", "ha")
Preset = Annotated[
    str,
    typer.Option(
        "--preset",
        callback=among("--preset", *_PRESETS),
        autocompletion=complete.words(*_PRESETS),
        help="Topology preset for values that you did not set: single-node, small or ha. Default: the preset of the "
        "installed release; for a new release, the one that fits the nodes.",
    ),
]

# the options of deploy that are not values
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until every component is ready and FogFlow works.")]
RollbackOnFailure = Annotated[
    bool,
    typer.Option(
        "--rollback-on-failure/--no-rollback-on-failure",
        help="Roll back a failed upgrade to the last revision that worked.",
    ),
]
ForceConflicts = Annotated[
    bool, typer.Option("--force-conflicts", help="Take over fields that other field managers own.")
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Allow changes that lose data: switching between one and several brokers or workers, or removing broker "
        "shards. Also allow several broker shards, which can notify each other endlessly.",
    ),
]
DryRun = Annotated[
    str,
    typer.Option(
        callback=among("--dry-run", "client", "server"),
        autocompletion=complete.words("client", "server"),
        help="Show what would change, without changing anything: client compares the manifests only, server also "
        "compares the live objects.",
    ),
]
AllowOtherCluster = Annotated[
    bool,
    typer.Option(
        "--allow-other-cluster", help="Allow a cluster other than the one that this configuration was last deployed to."
    ),
]
ExpectCluster = Annotated[
    str, typer.Option(help="Fail unless the cluster has this UID (the UID of namespace kube-system).")
]


def load_values(
    config: Path | None,
    values: list[Path],
    sets: list[str],
    external_ips: list[str],
    expose: str = "",
    *,
    force: bool = False,
) -> Values:
    """The validated values; `force` allows several broker shards.

    Raises ConfigError with every problem of the files, and UsageError for options that contradict each other.
    """
    from fogflow_k8s.adapters.settings.load import load_settings
    from fogflow_k8s.errors import UsageError
    from fogflow_k8s.model.redaction.redactor import names_secret

    for name in (each.partition("=")[0] for each in sets):
        if names_secret(name):
            sys.stderr.write(
                f"  ! --set {name}: other users of this machine can see command lines; use a file instead: --values\n"
            )
    if expose:
        one_of(expose, tuple(_EXPOSE), "--expose")
        if external_ips and expose != "external-ip":
            raise UsageError(f"--external-ip and --expose {expose} contradict each other", hint="omit one of them")
        sets = [*sets, f"expose.type={_EXPOSE[expose]}"]
    given = load_settings(config, values, sets, external_ips, force=force)
    for note in given.notes:
        sys.stderr.write(f"  ! {note}\n")
    return given.values
