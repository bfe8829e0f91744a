"""The command `explain`: prints an entry of the catalogue of causes."""

from typing import Annotated

import typer

from fogflow_k8s.commands.options import Output
from fogflow_k8s.commands.session import print_json


def _ids() -> list[str]:
    from fogflow_k8s.model.diagnosis.catalogue import ENTRIES

    return sorted(ENTRIES)


def explain(
    id_: Annotated[
        str,
        typer.Argument(
            metavar="[ID]",
            help="Id like FK-4001 or 4001. Without an id, the command lists all of them.",
            autocompletion=_ids,
        ),
    ] = "",
    output: Output = "table",
) -> None:
    """Explain an id that deploy, status or check printed. Prints its meaning, the reason and what to do."""
    from fogflow_k8s.errors import UsageError
    from fogflow_k8s.model.diagnosis.catalogue import ENTRIES, cause, paragraphs
    from fogflow_k8s.model.suggestions import suggestion

    wanted = f"FK-{id_.upper().removeprefix('FK').lstrip('-')}" if id_ else ""
    if wanted and wanted not in ENTRIES:
        raise UsageError(
            f"{id_}: unknown id",
            hint=suggestion(wanted, ENTRIES, "all of them: fogflow-k8s explain"),
        )
    ids = [wanted] if wanted else _ids()
    if output == "json":
        from fogflow_k8s.console.facts import explain_document

        print_json(explain_document(ids))
    elif wanted:
        advice = [f"> {line}" for line in cause(wanted, "COMPONENT", "", "").advice]
        typer.echo("\n\n".join([wanted, *paragraphs(wanted), *(["\n".join(advice)] if advice else [])]))
    else:
        typer.echo("\n".join(f"{i}  {ENTRIES[i].kind:<9}  {ENTRIES[i].title}" for i in ids))
