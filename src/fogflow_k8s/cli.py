"""The program: the global options, the table of commands, and the only place where an error becomes an exit code."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from fogflow_k8s import __version__
from fogflow_k8s.commands import (
    bench,
    bundle,
    check,
    complete,
    config,
    dashboard,
    deploy,
    diff,
    doctor,
    edge,
    explain,
    history,
    images,
    logs,
    render,
    restart,
    rollback,
    sandbox,
    session,
    status,
    task,
    uninstall,
    verify,
    version,
)
from fogflow_k8s.commands.global_options import move_global_options_first, separate
from fogflow_k8s.commands.grouped import EDGES, INSPECT, LOCAL, OPERATE, USE, Grouped
from fogflow_k8s.errors import FogflowError, Forbidden

EPILOG = "Global options (--context, --kubeconfig, -n, --release, --no-color, -q, -v) are accepted before or after the command."

app = typer.Typer(
    name="fogflow-k8s",
    cls=Grouped,
    help="Installs, upgrades, rolls back and verifies FIWARE FogFlow on Kubernetes.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)


def _print_version(given: bool) -> None:
    if given:
        typer.echo(f"fogflow-k8s {__version__}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    context: Annotated[
        str,
        typer.Option(envvar="FOGFLOW_K8S_CONTEXT", help="Kubeconfig context to use.", autocompletion=complete.contexts),
    ] = "",
    kubeconfig: Annotated[str, typer.Option(envvar="FOGFLOW_K8S_KUBECONFIG", help="Kubeconfig file to use.")] = "",
    namespace: Annotated[
        str,
        typer.Option(
            "--namespace",
            "-n",
            envvar="FOGFLOW_K8S_NAMESPACE",
            help="Namespace of the release. [default: fogflow]",
            autocompletion=complete.namespaces,
        ),
    ] = "",
    release: Annotated[str, typer.Option(envvar="FOGFLOW_K8S_RELEASE", help="Name of the Helm release.")] = "fogflow",
    no_color: Annotated[bool, typer.Option("--no-color", help="Print without colours and without redrawing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only warnings and the result.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also print the commands that are run.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Global options."""
    del version
    ctx.obj = session.Session(
        context=context, kubeconfig=kubeconfig, namespace=namespace, release=release, no_color=no_color, quiet=quiet, verbose=verbose
    )  # fmt: skip


# In the modules of the verbs annotations are evaluated when they are imported: as strings (`from __future__ import
# annotations`), Typer evaluates those of every verb several times at each start, which took a third of it.
_VERBS = {
    USE: (check.check, deploy.deploy, verify.verify, dashboard.dashboard, uninstall.uninstall),
    INSPECT: (
        status.status,
        diff.diff,
        history.history,
        logs.logs,
        explain.explain,
        bundle.bundle,
        render.render,
        version.version,
    ),
    OPERATE: (rollback.rollback, restart.restart, doctor.doctor),
}
_GROUPS = {
    USE: (task.app,),
    INSPECT: (config.app,),
    OPERATE: (images.app, bench.app),
    EDGES: (edge.app,),
    LOCAL: (sandbox.app,),
}
for panel, verbs in _VERBS.items():
    for verb in verbs:
        app.command(rich_help_panel=panel)(verb)
for panel, groups in _GROUPS.items():
    for group in groups:
        app.add_typer(group, rich_help_panel=panel)


def program_name(path: str) -> str:
    """The name that the help shows: `kubectl fogflow` for a program that kubectl has started as its plug-in."""
    return "kubectl fogflow" if Path(path).stem == "kubectl-fogflow" else "fogflow-k8s"


def main() -> None:
    """Run the program; the only place that ends the process."""
    _handle_signals_with(_first_signal)
    argv = sys.argv[1:]
    try:
        code = app(move_global_options_first(argv), standalone_mode=False, prog_name=program_name(sys.argv[0]))
        if code == 130:  # what the parser makes of Ctrl-C, without a message
            sys.stderr.write("\nInterrupted.\n")
        sys.stdout.flush()  # here, where a closed pipe is expected, and not when the interpreter ends
    except FogflowError as error:
        code = _report(error, argv)
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        code = 130
    except BrokenPipeError:
        code = _output_closed()
    except SystemExit as error:  # how the parser reacts to a closed pipe: exit code 1 without a message
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        code = _output_closed()
    except Exception as error:  # noqa: BLE001 - a bug: the user gets a sentence before the traceback
        code = _report_unexpected(error, argv)
    _handle_signals_with(signal.SIG_IGN)  # the exit code is known: a signal in the last milliseconds must not change it
    sys.exit(code if isinstance(code, int) else 0)


def _output_closed() -> int:
    """Returns 0: the reader has closed the pipe, as in `fogflow-k8s status | head`, which is not a failure."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _handle_signals_with(handler: Any) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def _first_signal(_number: int, _frame: Any) -> None:
    """Ctrl-C or SIGTERM: stop in an orderly way and report the state. The next signal ends the process at once."""
    _handle_signals_with(_second_signal)
    raise KeyboardInterrupt


def _second_signal(_number: int, _frame: Any) -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\x1b[?25h")  # a live table hides the cursor
    os._exit(130)  # the kernel then sends SIGTERM to helm, which records the state of the release


def _report(error: FogflowError, argv: list[str]) -> int:
    sys.stderr.write(f"Error: {error.message}\n")
    if error.hint:
        sys.stderr.write(f"  Next: {error.hint}\n")
    if error.id:
        sys.stderr.write(f"  Why:  fogflow-k8s explain {error.id}\n")
    if isinstance(error, Forbidden):
        sys.stderr.write(f"\n{error.manifest}")
    _report_as_json(error, argv)
    return error.exit_code


def _report_as_json(error: FogflowError, argv: list[str]) -> None:
    if output := _json_format(argv):
        from fogflow_k8s.console.documents import error_document

        document = error_document(error)
        with suppress(OSError):  # stdout may be what failed
            if output == "jsonl":
                from fogflow_k8s.console.jsonl import JsonLinesReporter

                JsonLinesReporter().result(document)
            else:
                session.print_json(document)


def _report_unexpected(error: Exception, argv: list[str]) -> int:
    if hasattr(error, "exit_code") and hasattr(error, "show"):  # a usage error of the parser, which prints it itself
        error.show()
        command = " ".join(_command_of(argv)[0])
        hint = _file_hint(error)
        if not hint and not getattr(error, "ctx", None):  # printed without the usage, as of an option without its value
            hint = f"{command} -h lists the options and their values"
        if hint:
            sys.stderr.write(f"  Next: {hint}\n")
        failure = FogflowError(str(error), hint=hint or f"{command} --help", exit_code=int(error.exit_code))
        _report_as_json(failure, argv)
        return int(error.exit_code)
    if isinstance(error, OSError) and error.errno:
        where = f" ({error.filename})" if error.filename else ""
        return _report(
            FogflowError(
                f"{error.strerror}{where}",
                hint="check the free space and the permissions where stdout and the files of this command go",
                exit_code=10,
            ),
            argv,
        )
    import traceback

    bug = FogflowError(
        f"this is a bug: {type(error).__name__}: {error}", hint="report it with the lines below", exit_code=1
    )
    code = _report(bug, argv)
    traceback.print_exception(error)
    return code


def _file_hint(error: Any) -> str:
    """How a settings file is given, for a usage error about an argument that is probably one; otherwise ""."""
    context = getattr(error, "ctx", None)
    options = {name for parameter in context.command.params for name in parameter.opts} if context else set()
    if "unexpected extra argument" not in str(error) or not {"--config", "--values"} <= options:
        return ""
    return "give FogFlow's config.json with --config FILE, and values of the chart with --values FILE"


def _command_of(argv: list[str]) -> tuple[list[str], Any, list[str]]:
    """The words that name the command of a line, the command (a group when the line goes no further), and the words after it."""
    command, names, words = typer.main.get_command(app), ["fogflow-k8s"], separate(argv).rest
    while isinstance(command, typer.core.TyperGroup):
        at = next((i for i, word in enumerate(words) if not word.startswith("-")), len(words))
        if at == len(words) or words[at] not in command.commands:
            break
        names.append(words[at])
        command, words = command.commands[words[at]], words[at + 1 :]
    return names, command, words


def _json_format(argv: list[str]) -> str:
    """The value of the command's option -o, if it is json or jsonl, otherwise "".

    Also works for a line that the parser refused: the parser is used again, because only it knows which word is the value of
    which option.
    """
    names, command, words = _command_of(argv)
    if isinstance(command, typer.core.TyperGroup):
        return ""
    lenient: dict[str, Any] = {"resilient_parsing": True, "ignore_unknown_options": True, "allow_extra_args": True}
    form = next(
        (one.name for one in command.params if "-o" in one.opts and one.type.name != "path"), ""
    )  # the option -o of render is a path
    try:
        selected = command.make_context(names[-1], words, **lenient).params.get(form or "")
    except Exception:  # noqa: BLE001 - another error is being reported already
        return ""
    return selected if selected in ("json", "jsonl") else ""
