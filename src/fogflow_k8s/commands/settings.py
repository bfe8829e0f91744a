"""The flags that say what to deploy, shared by deploy, render and config; and the one way from them to values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fogflow_k8s.model.values import Values

ExternalIP = Annotated[
    list[str], typer.Option("--external-ip", help="Address under which the front door is reached (repeatable).")
]
Config = Annotated[
    Path | None, typer.Option("--config", "-c", envvar="FOGFLOW_K8S_CONFIG", help="FogFlow's config.json.")
]
ValuesFiles = Annotated[
    list[Path], typer.Option("--values", "-f", help="values.yaml for the chart (repeatable, later wins).")
]
Set = Annotated[list[str], typer.Option("--set", help="One value, as key.path=value (repeatable).")]
Expose = Annotated[str, typer.Option(help="none, external-ip, node-port, load-balancer, ingress or gateway.")]


def _known_preset(value: str) -> str:
    from fogflow_k8s.commands.session import one_of

    return one_of(value, ("single-node", "small", "ha"), "--preset") if value else ""


Preset = Annotated[
    str,
    typer.Option(
        "--preset",
        callback=_known_preset,
        help="single-node, small or ha: values that you did not set. Default: what fits the nodes.",
    ),
]

_EXPOSE = {
    "none": "none",
    "external-ip": "externalIPs",
    "node-port": "nodePort",
    "load-balancer": "loadBalancer",
    "ingress": "ingress",
    "gateway": "gateway",
}


def load(config: Path | None, values: list[Path], sets: list[str], external_ips: list[str], expose: str = "") -> Values:
    """The validated values. Raises ConfigError with every problem, UsageError for flags that contradict each other."""
    from fogflow_k8s.adapters.files import settings
    from fogflow_k8s.commands.session import one_of
    from fogflow_k8s.errors import UsageError

    if expose:
        one_of(expose, tuple(_EXPOSE), "--expose")
        if external_ips and expose != "external-ip":
            raise UsageError(f"--external-ip and --expose {expose} contradict each other", hint="drop one of them")
        sets = [*sets, f"expose.type={_EXPOSE[expose]}"]
    return settings(config, values, sets, external_ips)
