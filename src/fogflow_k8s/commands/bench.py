"""The commands `bench`: measure what a release carries, and compare two measurements."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from fogflow_k8s.commands import complete
from fogflow_k8s.commands.grouped import Grouped
from fogflow_k8s.commands.options import Output, Timeout, Yes, among, seconds
from fogflow_k8s.commands.session import print_json, session_of
from fogflow_k8s.errors import UsageError
from fogflow_k8s.model.bench.scenarios import BY_NAME, MAX_ENTITIES, MAX_RATE, MAX_SUBSCRIBERS

if TYPE_CHECKING:
    from fogflow_k8s.actions.bench.request import Through
    from fogflow_k8s.model.bench.slo import Limit

app = typer.Typer(
    name="bench",
    help="Measure what the release carries: rates, latencies, notifications, starts of tasks.",
    no_args_is_help=True,
    rich_markup_mode=None,
    cls=Grouped,
)
NOT_HELD, REGRESSION = 40, 3

Save = Annotated[
    Path | None,
    typer.Option("--save", metavar="FILE", help="Also write the result to this file: .json, or .html for the report."),
]
Scenarios = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SCENARIO]...",
        autocompletion=complete.words(*BY_NAME),
        help="Scenarios, as `bench list` shows them. [default: update]",
    ),
]
Duration = Annotated[
    str, typer.Option("--duration", metavar="TIME", help="Duration of the load, like 60s. [default: the scenario's]")
]
Rate = Annotated[
    float, typer.Option("--rate", min=0, max=MAX_RATE, help="Requests per second; 0 for the scenario's default, which is the first rate of a search.")
]  # fmt: skip
Entities = Annotated[
    int, typer.Option("--entities", min=0, max=MAX_ENTITIES, help="Number of entities; 0 for the scenario's default.")
]
Subscribers = Annotated[
    int,
    typer.Option(
        "--subscribers", min=0, max=MAX_SUBSCRIBERS, help="Number of subscribers of notify and flow; 0 for one."
    ),
]
Capacity = Annotated[
    bool,
    typer.Option(
        "--find-capacity",
        help="Find the highest rate at which --slo (default p99=1s) holds and nothing fails (3 minutes at most).",
    ),
]
Slo = Annotated[
    str, typer.Option("--slo", metavar="FIGURE=TIME", help="Objective, like p99=100ms, or p50=20ms,max=1s.")
]
ThroughOption = Annotated[
    str,
    typer.Option(
        "--through", callback=among("--through", "direct", "proxy"), help="direct: the Services of broker and discovery. proxy: the reverse proxy."
    ),
]  # fmt: skip
Image = Annotated[
    str,
    typer.Option(
        "--image",
        metavar="IMAGE",
        help="Image of the load generator, with python3 and vegeta. [default: the native worker's]",
    ),
]
TaskImage = Annotated[
    str,
    typer.Option(
        "--task-image",
        metavar="IMAGE",
        help="Image that the tasks run. [default for task: fogflow/dummy; flow needs one that repeats the attribute sequence]",
    ),
]
ReportOutput = Annotated[
    str,
    typer.Option(
        "--output", "-o", callback=among("--output", "table", "json", "html"), autocompletion=complete.words("table", "json", "html"),
        help="Output format: table, json or html (one file with the curves).",
    ),
]  # fmt: skip


@app.command()
def run(
    ctx: typer.Context,
    names: Scenarios = None,
    rate: Rate = 0,
    duration: Duration = "",
    find_capacity: Capacity = False,
    slo: Slo = "",
    through: ThroughOption = "direct",
    entities: Entities = 0,
    subscribers: Subscribers = 0,
    image: Image = "",
    task_image: TaskImage = "",
    timeout: Timeout = "120s",
    yes: Yes = False,
    output: ReportOutput = "table",
    save: Save = None,
) -> None:
    """Put load on the release and measure it. Exits with 40 if something failed, was lost, or exceeds --slo, or if the run is invalid.

    The load comes from a Job in the release's namespace. Entities, subscriptions and the Job are removed afterwards, also after
    Ctrl-C. The release must work. --timeout limits the scenario task, and the start of the tasks of flow. Use --yes to continue where subscribers of
    others would be notified.
    """
    from fogflow_k8s.actions.bench import run as action
    from fogflow_k8s.actions.bench.request import BenchRequest
    from fogflow_k8s.console.bench import run_screen
    from fogflow_k8s.console.bench_document import run_document

    _require_file(save)
    request = BenchRequest(
        tuple(names or ["update"]), rate, seconds(duration) if duration else 0.0, entities, subscribers, find_capacity, _limits(slo),
        cast("Through", through), _image("--image", image), _image("--task-image", task_image), seconds(timeout), yes,
    )  # fmt: skip
    request.require_valid()
    if output == "html" or (save and save.suffix == ".html"):
        from fogflow_k8s.console.bench_report import require_plots

        require_plots()  # before the measurement, not after it
    session = session_of(ctx)
    done = action.run(session.operation(helm_needed=False), session.kubectl, request)
    session.reporter.close()
    document = run_document(done)
    if save:
        _write(save, cast("dict[str, Any]", document))
    if output == "json":
        print_json(document)
    elif output == "html":
        from fogflow_k8s.console.bench_report import report

        typer.echo(report(cast("dict[str, Any]", document)))
    else:
        session.print(run_screen(done))
    raise typer.Exit(0 if done.ok else NOT_HELD)


@app.command()
def compare(
    ctx: typer.Context,
    before: Annotated[Path, typer.Argument(metavar="A.json", help="Result of the first runs, written by --save.")],
    after: Annotated[Path, typer.Argument(metavar="B.json", help="Result of the second runs.")],
    fail_on_regression: Annotated[
        bool, typer.Option("--fail-on-regression", help="Exit with 3 if a figure became worse.")
    ] = False,
    output: Output = "table",
) -> None:
    """Show which figures changed beyond the noise of the runs. Contacts no cluster.

    Name a scenario several times in `bench run` to have several runs of it in one file.
    """
    from fogflow_k8s.console.bench import compare_screen
    from fogflow_k8s.console.bench_document import compare_document
    from fogflow_k8s.model.bench.comparison import compare as compared

    differences = compared([_read(before)], [_read(after)])
    if all(each.change == "unknown" for each in differences):
        raise UsageError(
            f"{before} and {after} have no figure in common: no scenario with the same rate that is valid in both",
            hint="run both with the same scenarios and --rate: fogflow-k8s bench run SCENARIO --rate N --save FILE.json",
        )
    document = compare_document(differences)
    print_json(document) if output == "json" else session_of(ctx).print(compare_screen(differences))
    raise typer.Exit(REGRESSION if fail_on_regression and document["regression"] else 0)


@app.command("list")
def list_(ctx: typer.Context, output: Output = "table") -> None:
    """List the scenarios with their defaults. Contacts no cluster."""
    from fogflow_k8s.console.bench import list_screen
    from fogflow_k8s.console.bench_document import list_document

    print_json(list_document()) if output == "json" else session_of(ctx).print(list_screen())


def _require_file(save: Path | None) -> None:
    """Raises UsageError for a file that could not be written after the measurement."""
    if save and save.suffix not in {".json", ".html"}:
        raise UsageError(f"--save {save}: not a .json or .html file", hint="--save bench.json")
    if save and not save.parent.is_dir():
        raise UsageError(f"--save {save}: there is no folder {save.parent}", hint=f"mkdir -p {save.parent}")


def _limits(text: str) -> "tuple[Limit, ...]":
    from fogflow_k8s.model.bench.slo import parse

    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"--slo {error}", hint="--slo p99=100ms") from error


def _image(flag: str, text: str) -> str:
    from fogflow_k8s.model.image.reference import parse

    try:
        if text:
            parse(text)
    except ValueError as error:
        raise UsageError(f"{flag} {error}", hint=f"{flag} registry.example/image:1") from error
    return text


def _write(path: Path, document: dict[str, Any]) -> None:
    if path.suffix == ".html":
        from fogflow_k8s.console.bench_report import report

        text = report(document)
    else:
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"--save {path}: {error.strerror}", hint="name a file in a folder that exists and may be written"
        ) from error


def _read(path: Path) -> dict[str, Any]:
    hint = "fogflow-k8s bench run --save FILE.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path} cannot be read as JSON: {said}", hint=hint) from error
    if not isinstance(found, dict) or found.get("kind") != "Bench":
        raise UsageError(f"{path} is not a result of bench run: its kind is not Bench", hint=hint)
    from pydantic import TypeAdapter, ValidationError

    from fogflow_k8s.console.schema.bench import Bench

    try:
        TypeAdapter(Bench).validate_python(found)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"{path} is not a result of bench run: {where}: {first['msg']}", hint=hint) from error
    return found
