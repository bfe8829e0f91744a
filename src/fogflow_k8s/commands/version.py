"""`version`."""

from __future__ import annotations

import typer

from fogflow_k8s import __version__
from fogflow_k8s.commands.session import Output, print_json, session


def version(ctx: typer.Context, output: Output = "table") -> None:
    """Print the versions of this tool, its chart, FogFlow, helm and the cluster; what cannot be asked is left empty."""
    import yaml

    from fogflow_k8s.adapters.assets import asset
    from fogflow_k8s.errors import FogflowError

    me = session(ctx)
    chart = yaml.safe_load((asset("charts/fogflow-chart") / "Chart.yaml").read_text(encoding="utf-8"))
    found = {
        "tool": __version__,
        "chart": str(chart["version"]),
        "fogflow": str(chart["appVersion"]),
        "helm": "",
        "kubernetes": "",
    }
    try:
        op = me.operation()
        found["helm"] = ".".join(map(str, op.helm.version))
        found["kubernetes"] = op.cluster.version
    except FogflowError as error:
        op_error = error.message
    else:
        op_error = ""
    if output == "json":
        print_json({"v": 1, **found, "error": op_error})
        return
    for name, value in found.items():
        typer.echo(f"{name:11} {value or '-'}")
    if op_error:
        typer.echo(f"({op_error})", err=True)
