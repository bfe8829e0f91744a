"""The commands `config validate` and `config explain`: check settings, and describe one of their keys."""

from typing import Annotated

import typer

from fogflow_k8s.commands import settings
from fogflow_k8s.commands.grouped import Grouped
from fogflow_k8s.commands.options import existing
from fogflow_k8s.commands.session import session_of

app = typer.Typer(
    name="config", help="Validate and explain settings.", no_args_is_help=True, rich_markup_mode=None, cls=Grouped
)


@app.command()
def validate(
    ctx: typer.Context,
    config: settings.Config = None,
    values: settings.ValuesFiles = [],  # noqa: B006 - typer makes a new list each time
    set_: settings.Set = [],  # noqa: B006
    external_ip: settings.ExternalIP = [],  # noqa: B006
) -> None:
    """Validate the settings, and list every problem with file, line and key."""
    settings.load_values(existing(config, "--config"), values, set_, external_ip)
    session_of(ctx).reporter.step("the settings are valid")


def _keys(incomplete: str) -> list[str]:
    from fogflow_k8s.actions.settings.explain import keys_below

    return keys_below(incomplete)


@app.command()
def explain(
    key: Annotated[
        str, typer.Argument(autocompletion=_keys, help="Path of the key, like config.worker.capacity or expose.type.")
    ],
    config: settings.Config = None,
    values: settings.ValuesFiles = [],  # noqa: B006
    set_: settings.Set = [],  # noqa: B006
    external_ip: settings.ExternalIP = [],  # noqa: B006
) -> None:
    """Explain a key of the settings. Prints its meaning and the allowed values.

    Also prints the default, the value in the given settings, and where that value comes from.
    """
    from fogflow_k8s.actions.settings.explain import explain as action
    from fogflow_k8s.actions.settings.explain import settings_path
    from fogflow_k8s.adapters.settings.load import origin_of

    given = (existing(config, "--config"), values, set_, external_ip)
    for line in action(key, settings.load_values(*given), origin_of(settings_path(key), *given)):
        typer.echo(line)
