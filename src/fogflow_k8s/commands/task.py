"""The commands `task`: list, run and stop tasks, and show their logs."""

import sys
from dataclasses import replace
from typing import Annotated

import typer

from fogflow_k8s.commands import complete
from fogflow_k8s.commands.grouped import Grouped
from fogflow_k8s.commands.options import Timeout, WideOutput, Yes, among, seconds
from fogflow_k8s.commands.session import print_json, session_of
from fogflow_k8s.errors import FogflowError, UsageError

app = typer.Typer(
    name="task",
    help="List, run and stop tasks, and show their logs.",
    no_args_is_help=True,
    rich_markup_mode=None,
    cls=Grouped,
)
NOT_WORKING = 40

TaskName = Annotated[
    str,
    typer.Argument(
        metavar="TASK",
        autocompletion=complete.tasks,
        help="Id, Deployment or function of the task, as `task list` shows them.",
    ),
]
Image = Annotated[str, typer.Option("--image", metavar="IMAGE", help="Image that the task runs.")]


@app.command("list")
def list_(ctx: typer.Context, output: WideOutput = "table") -> None:
    """List the tasks of the release. Shows their state and its reason.

    Includes the tasks of the upstream worker, with the information that they provide.
    """
    from fogflow_k8s.actions.task import listing as action
    from fogflow_k8s.console import tasks as screens

    session = session_of(ctx)
    found = action.list_tasks(session.operation(helm_needed=False))
    if output == "json":
        print_json(screens.list_document(found))
    else:
        session.print(screens.list_screen(found, wide=output == "wide"))


@app.command()
def run(
    ctx: typer.Context,
    image: Image,
    input_: Annotated[str, typer.Option("--input", metavar="TYPE", help="Entity type that the task processes.")],
    output_type: Annotated[
        str,
        typer.Option(
            "--output",
            metavar="TYPE",
            help="Entity type that the task publishes. The command waits for the first entity and shows it.",
        ),
    ] = "",
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Name of the function and the operator. [default: run-RANDOM]")
    ] = "",
    param: Annotated[
        list[str],
        typer.Option(
            "--param", metavar="KEY=VALUE", help="Parameter of the operator, like cpu-request=50m (repeatable)."
        ),
    ] = [],  # noqa: B006 - typer makes a new list each time
    entity: Annotated[
        str,
        typer.Option(
            "--entity", metavar="ID", help="Id of the entity that the command publishes. [default: TYPE.NAME]"
        ),
    ] = "",
    timeout: Timeout = "60s",
    form: Annotated[
        str,
        typer.Option("-o", metavar="FORM", callback=among("-o", "table", "json"), help="Output format: table or json."),
    ] = "table",
) -> None:
    """Run an image as a task. Exits with 21 if the task fails, and with 30 on timeout.

    Registers an operator and a function, publishes an entity, and waits until the task runs and, with --output,
    publishes. What the command created stays until `task stop` removes it.
    """
    from fogflow_k8s.actions.task import run as action
    from fogflow_k8s.console import tasks as screens

    session = session_of(ctx)
    wanted = action.TaskRequest(_image(image), input_, output_type, entity=entity, parameters=_parameters(param), timeout_s=seconds(timeout))  # fmt: skip
    wanted = replace(wanted, name=_name(name)) if name else wanted
    ran = action.run(session.operation(helm_needed=False), session.kubectl(), wanted)
    print_json(screens.run_document(ran)) if form == "json" else session.print(screens.run_screen(ran))


@app.command()
def logs(
    ctx: typer.Context,
    task: TaskName,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stream new lines until Ctrl-C.")] = False,
    tail: Annotated[int, typer.Option(min=-1, help="Number of lines per container; -1 for all.")] = 50,
) -> None:
    """Show the log of a task. Passwords are masked. Exits with 40 if the task has no log yet."""
    from fogflow_k8s.actions.task import listing as action

    session = session_of(ctx)
    op = session.operation(helm_needed=False)
    found = action.find_task(action.list_tasks(op).tasks, task)
    if not found.started:
        raise FogflowError(
            f"{found.name} has no log: it is {found.state}" + (f": {found.reason}" if found.reason else ""),
            hint=f"fogflow-k8s explain {found.cause}" if found.cause else "fogflow-k8s task list -o wide",
            exit_code=NOT_WORKING,
        )
    if op.secret_mask.why:
        session.reporter.warn(f"only values that look like passwords are masked: {op.secret_mask.why}")
    kubectl = replace(session.kubectl(), namespace=op.tasks_namespace)
    words = [
        f"deployment/{found.object}",
        "--all-containers",
        "--all-pods",
        "--prefix",
        f"--tail={tail}",
        *(["--follow"] * follow),
    ]
    with kubectl.logs(*words) as lines:
        for line in lines:
            sys.stdout.write(op.mask(line))
            sys.stdout.flush()
        raise typer.Exit(lines.status())


@app.command()
def stop(ctx: typer.Context, task: TaskName, timeout: Timeout = "60s", yes: Yes = False) -> None:
    """Stop a task that `task run` created. Exits with 10 for any other task.

    Removes the function, the operator and the entities; FogFlow then removes the task. A task of any other function is
    not stopped, because FogFlow would start it again; the command names that function.
    """
    from fogflow_k8s.actions.task import stop as action
    from fogflow_k8s.console.screens import lines_screen

    session = session_of(ctx)
    timeout_s = seconds(timeout)
    op, kubectl = session.operation(helm_needed=False), session.kubectl()
    plan = action.plan(op, kubectl, task)
    session.print_to_stderr(
        lines_screen(f"Will be removed from {op.cluster.context}, namespace {op.namespace}:", plan.lines)
    )
    session.confirm(f"Stop {plan.function}?", yes=yes)
    action.stop(op, kubectl, plan, timeout_s=timeout_s)
    op.report.step(f"stopped {plan.function}")


def _parameters(given: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not (key and equals):
            raise UsageError(f"--param {each}: not KEY=VALUE", hint="--param cpu-request=50m")
        if key in found:
            raise UsageError(f"--param {key} is given twice", hint=f"--param {key}={found[key]}")
        found[key] = value
    return found


def _name(text: str) -> str:
    from fogflow_k8s.model.task.functions import checked_name

    try:
        return checked_name(text)
    except ValueError as error:
        raise UsageError(f"--name {error}", hint="--name counter-1") from error


def _image(text: str) -> str:
    from fogflow_k8s.model.image.reference import parse

    try:
        parse(text)
    except ValueError as error:
        raise UsageError(f"--image {error}", hint="--image registry.example/counter:1") from error
    return text
