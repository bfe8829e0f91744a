"""What every verb needs from the command line: which release, which cluster, how to print. Nothing heavy until used."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from fogflow_k8s.commands import complete
from fogflow_k8s.errors import ClusterError, Refused, ToolMissing, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from fogflow_k8s.actions.operation import Operation
    from fogflow_k8s.actions.release.outcome import Outcome
    from fogflow_k8s.adapters.helm.client import Helm
    from fogflow_k8s.adapters.kubernetes.kubeconfig import KubeContext
    from fogflow_k8s.adapters.kubernetes.kubectl import Kubectl
    from fogflow_k8s.console.jsonl import JsonLinesReporter
    from fogflow_k8s.console.live import LiveReporter
    from fogflow_k8s.console.plain import PlainReporter
    from fogflow_k8s.console.schema.events import Result


def one_of(value: str, allowed: tuple[str, ...], flag: str) -> str:
    """The value, when it is allowed. Raises UsageError with the allowed ones."""
    if value not in allowed:
        raise UsageError(f"{flag} {value}: not one of {', '.join(allowed)}", hint=f"{flag} {allowed[0]}")
    return value


def among(flag: str, *allowed: str) -> Callable[[str], str]:
    """For an option that takes one of a few words, or is left out."""
    return lambda value: one_of(value, allowed, flag) if value else ""


def _output(*forms: str, says: str = "") -> Any:
    """The option for the form of what goes to stdout."""
    return typer.Option(
        "--output",
        "-o",
        callback=among("--output", *forms),
        autocompletion=complete.words(*forms),
        help=says or f"Output format: {', '.join(forms[:-1])} or {forms[-1]}.",
    )


Output = Annotated[str, _output("table", "json")]
WideOutput = Annotated[str, _output("table", "wide", "json")]
ShortOutput = Annotated[str, _output("table", "short", "json")]
StatusOutput = Annotated[
    str,
    _output(
        "table",
        "short",
        "json",
        "jsonl",
        says="Output format: table, short, json or jsonl (one JSON document per line).",
    ),
]
EventsOutput = Annotated[
    str,
    _output("table", "json", "jsonl", says="Output format: table, json or jsonl (one event per line, as it happens)."),
]
Timeout = Annotated[str, typer.Option(help="How long to wait, like 90s, 5m, 1h.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
DEFAULT_NAMESPACE = "fogflow"


@dataclass
class Session:
    """The global options, and what follows from them."""

    context: str = ""
    kubeconfig: str = ""
    namespace: str = ""
    release: str = "fogflow"
    no_color: bool = False
    quiet: bool = False
    verbose: bool = False
    verb: str = ""
    _begun: Helm | None = None

    @cached_property
    def out(self) -> Console:
        """Where data for people goes: stdout."""
        return self._console(sys.stdout)

    @cached_property
    def reporter(self) -> LiveReporter | PlainReporter | JsonLinesReporter:
        """Where progress goes: stderr; redrawn on a terminal, plain lines elsewhere."""
        if sys.stderr.isatty() and not self._plain and os.environ.get("TERM") != "dumb":
            from fogflow_k8s.console.live import LiveReporter

            return LiveReporter(self._console(sys.stderr), quiet=self.quiet)
        from fogflow_k8s.console.plain import PlainReporter

        return PlainReporter(sys.stderr, quiet=self.quiet)

    @cached_property
    def chosen(self) -> KubeContext:
        """The cluster that is meant, found once: we, helm and kubectl are all told this one. Raises UsageError, ClusterError."""
        from fogflow_k8s.adapters.kubernetes.kubeconfig import ignored_variables, resolve

        found = resolve(self.kubeconfig, self.context)
        for name in ignored_variables(os.environ):
            self.reporter.warn(
                f"{name} is set and not used, nor by helm: what counts is --context, --kubeconfig, KUBECONFIG and --namespace"
            )
        return found

    def operation(self, namespace: str = "", *, helm_needed: bool = True) -> Operation:
        """The release on its cluster. Raises UsageError, ClusterError, ToolMissing; nothing is sent yet.

        Without `helm_needed` an absent helm is met (as ToolMissing) only by what asks it.
        """
        from fogflow_k8s.actions.operation import Operation
        from fogflow_k8s.adapters.kubernetes.client import KubeCluster

        helm = self._helm(namespace, needed=helm_needed)
        cluster = KubeCluster(self.chosen)
        return Operation(helm, cluster, report=self.reporter, command=f"fogflow-k8s {self.verb}".strip())

    def kubectl(self) -> Kubectl:
        """Kubectl on the release's namespace: $KUBECTL, the one on PATH, or the sandbox's. Raises ToolMissing."""
        from fogflow_k8s.adapters.kubernetes.kubectl import Kubectl
        from fogflow_k8s.adapters.process import SystemRunner
        from fogflow_k8s.sandbox import programs

        binary = os.environ.get("KUBECTL") or shutil.which("kubectl") or programs.cached_program("kubectl")
        if not binary:
            raise ToolMissing("kubectl is not on PATH", hint="https://kubernetes.io/docs/tasks/tools/#kubectl")
        kubeconfig, context = self.chosen.flags
        runner = SystemRunner(env=self.chosen.environment(os.environ))
        return Kubectl(str(binary), self.namespace or DEFAULT_NAMESPACE, kubeconfig, context, runner)

    def begin(self, ctx: typer.Context) -> None:
        """Let Helm read the release while the rest of the program loads; what is not asked for ends with the verb."""
        with suppress(ToolMissing, UsageError, ClusterError):  # said later, after what is wrong with the settings
            helm = self._helm()
            helm.prefetch()
            ctx.call_on_close(helm.discard_prefetched)

    def _helm(self, namespace: str = "", *, needed: bool = True) -> Helm:
        from fogflow_k8s.adapters.helm.client import Helm, Target
        from fogflow_k8s.adapters.process import SystemRunner
        from fogflow_k8s.model import names

        namespace = self.namespace or namespace or DEFAULT_NAMESPACE
        names.require(self.release, namespace)
        target = Target(self.release, namespace, *self.chosen.flags)
        if self._begun is None or self._begun.target != target:
            runner = SystemRunner(env=self.chosen.environment(os.environ), echo=self.echo)
            try:
                self._begun = Helm(runner, target, helm_binary(), version=_known_version())
            except ToolMissing:
                if needed:
                    raise
                return Helm(runner, target)
        return self._begun

    def echo(self, line: str) -> None:
        """A command line that is about to be run; shown with -v."""
        if self.verbose:
            sys.stderr.write(f"    + {line}\n")

    def use_json_lines(self) -> None:
        """From now on progress goes to stdout as JSON lines."""
        from fogflow_k8s.console.jsonl import JsonLinesReporter

        self.reporter = JsonLinesReporter()

    def print_outcome(self, outcome: Outcome, output: str) -> None:
        """Print how an operation ended, in the form that was asked for."""
        if output == "table":
            from fogflow_k8s.console.screens import outcome_screen

            self.print(outcome_screen(outcome))
            return
        from fogflow_k8s.console.documents import outcome_document

        self.print_document(outcome_document(outcome), output)

    def print_document(self, document: Result, output: str) -> None:
        """Print a document as `output` says: json, or jsonl for a line among the events."""
        self.reporter.close()
        cast("JsonLinesReporter", self.reporter).result(document) if output == "jsonl" else print_json(document)

    def print(self, what: Any) -> None:
        """Print a screen on stdout."""
        from fogflow_k8s.console import screens

        self.reporter.close()
        screens.show(self.out, what)

    def print_to_stderr(self, what: Any) -> None:
        """Print a screen beside the data: what a question is about."""
        from fogflow_k8s.console import screens

        self.reporter.close()
        screens.show(self._console(sys.stderr), what)

    @property
    def interactive(self) -> bool:
        """True when there is somebody to ask."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask on a terminal; without one, and without --yes, refuse. Raises Refused."""
        if yes:
            return
        self.reporter.close()
        if not self.interactive:
            raise Refused(f"{question} Not asked: this is no terminal.", hint="say yes beforehand: --yes")
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise Refused("Aborted. Nothing was changed.")

    @property
    def _plain(self) -> bool:
        return self.no_color or bool(os.environ.get("NO_COLOR"))

    def _console(self, stream: Any) -> Console:
        from rich.console import Console

        width = None if stream.isatty() else 10_000  # a pipe has no width: never cut, never wrap
        return Console(file=stream, no_color=self._plain or None, width=width, emoji=False, markup=True)


def session(ctx: typer.Context) -> Session:
    """The session of this command line."""
    found = ctx.obj if isinstance(ctx.obj, Session) else Session()
    found.verb = ctx.info_name or ""
    return found


@cache
def helm_binary() -> str:
    """$HELM, else a helm on PATH that we can work with, else the one the sandbox built. Raises ToolMissing."""
    from fogflow_k8s.adapters.helm.client import check_version
    from fogflow_k8s.adapters.process import SystemRunner
    from fogflow_k8s.sandbox import programs

    if given := os.environ.get("HELM"):
        return given
    if found := programs.find_program("helm"):
        return str(found)
    if unfit := shutil.which("helm"):  # say what is wrong with it
        check_version(SystemRunner().run([unfit, "version", "--template", "{{.Version}}"], timeout_s=20).stdout)
    raise ToolMissing(
        "helm is not on PATH",
        hint="install Helm 4 (https://helm.sh/docs/intro/install), or let the sandbox build it: fogflow-k8s sandbox up",
    )


def _known_version() -> str:
    """The version of the helm in use when it need not be asked: the sandbox's own, whose version is in its go.mod."""
    from fogflow_k8s.sandbox import programs

    ours = programs.cached_program("helm")
    return programs.version_of("helm.sh/helm/v4") if ours and str(ours) == helm_binary() else ""


def seconds(text: str) -> float:
    """A duration like 90s, 5m, 1h30m or plain seconds, in seconds. Raises UsageError."""
    import re

    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", text)
    if parts and "".join(n + u for n, u in parts) == text:
        return sum(float(n) * units[u] for n, u in parts)
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    raise UsageError(f"{text!r} is not a duration", hint="write it like 90s, 5m or 1h30m")


def print_json(document: Mapping[str, object]) -> None:
    """One document on stdout."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def existing(path: Path | None, flag: str) -> Path | None:
    """The path, when it exists. Raises UsageError."""
    if path is not None and not path.exists():
        raise UsageError(f"{flag} {path}: no such file", hint="is it the right folder?")
    return path
