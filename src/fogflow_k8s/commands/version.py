"""The command `version`: prints the versions of all programs involved."""

from collections.abc import Callable

import typer

from fogflow_k8s import __version__
from fogflow_k8s.commands.options import Output
from fogflow_k8s.commands.session import print_json, session_of


def version(ctx: typer.Context, output: Output = "table") -> None:
    """Print the versions of tool, chart, FogFlow, helm and cluster. Shows "-" for a version that is not available.

    In the JSON output, that version is null.
    """
    import yaml

    from fogflow_k8s.adapters.assets import asset
    from fogflow_k8s.errors import FogflowError

    session = session_of(ctx)
    chart = yaml.safe_load((asset("charts/fogflow-chart") / "Chart.yaml").read_text(encoding="utf-8"))
    found = {
        "tool": __version__,
        "chart": str(chart["version"]),
        "fogflow": str(chart["appVersion"]),
        "helm": "",
        "kubernetes": "",
    }
    problems: list[str] = []

    def ask(name: str, answer: Callable[[], str]) -> None:
        try:
            found[name] = answer()
        except FogflowError as error:  # the other version may still be available
            problems.append(error.message)

    ask("helm", session.helm_version)
    try:
        op = session.operation(helm_needed=False)
    except FogflowError as error:
        problems.append(error.message)
    else:
        ask("kubernetes", lambda: op.cluster.version)
    if output == "json":
        from fogflow_k8s.console.facts import version_document

        print_json(version_document(found, problems))
        return
    for name, value in found.items():
        typer.echo(f"{name:11} {value or '-'}")
    if problems:
        typer.echo(f"({'; '.join(problems)})", err=True)
