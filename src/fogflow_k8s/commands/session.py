"""The session: the global options of a command line, and what every command makes of them.

A session finds the cluster, Helm and kubectl, prints to stdout and stderr, and asks for confirmation.
Slow modules are imported only inside the functions that need them, so that --help is quick.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, cast

import typer

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


DEFAULT_NAMESPACE = "fogflow"


@dataclass
class Session:
    """The global options, and the cluster, programs and streams that they select."""

    context: str = ""
    kubeconfig: str = ""
    namespace: str = ""
    release: str = "fogflow"
    no_color: bool = False
    quiet: bool = False
    verbose: bool = False
    verb: str = ""
    _helm_client: Helm | None = None

    @cached_property
    def out(self) -> Console:
        """The console for screens: stdout."""
        return self._console(sys.stdout)

    @cached_property
    def reporter(self) -> LiveReporter | PlainReporter | JsonLinesReporter:
        """The reporter of progress, on stderr: redrawn on a terminal, plain lines otherwise."""
        if sys.stderr.isatty() and not self._plain and os.environ.get("TERM") != "dumb":
            from fogflow_k8s.console.live import LiveReporter

            return LiveReporter(self._console(sys.stderr), quiet=self.quiet)
        from fogflow_k8s.console.plain import PlainReporter

        return PlainReporter(sys.stderr, quiet=self.quiet)

    @cached_property
    def kube_context(self) -> KubeContext:
        """The selected cluster, resolved once, so that this tool, helm and kubectl all use the same. Raises UsageError, ClusterError."""
        from fogflow_k8s.adapters.kubernetes.kubeconfig import ignored_variables, resolve

        found = resolve(self.kubeconfig, self.context)
        for name in ignored_variables(os.environ):
            self.reporter.warn(
                f"{name} is set, but neither this tool nor helm uses it; use --context, --kubeconfig, KUBECONFIG or --namespace"
            )
        return found

    def operation(self, namespace: str = "", *, helm_needed: bool = True) -> Operation:
        """The release on its cluster. Sends no request yet. Raises UsageError, ClusterError, ToolMissing.

        Without `helm_needed`, a missing helm raises ToolMissing only when it is first used.
        """
        from fogflow_k8s.actions.operation import Operation
        from fogflow_k8s.adapters.kubernetes.client import KubeCluster

        helm = self._helm(namespace, needed=helm_needed)
        cluster = KubeCluster(self.kube_context)
        return Operation(helm, cluster, report=self.reporter, command=f"fogflow-k8s {self.verb}".strip())

    def kubectl(self) -> Kubectl:
        """Kubectl on the release's namespace: $KUBECTL, the one on PATH, or the sandbox's. Raises ToolMissing."""
        from fogflow_k8s.adapters.kubernetes.kubectl import Kubectl
        from fogflow_k8s.adapters.process import SystemRunner
        from fogflow_k8s.sandbox import programs

        binary = os.environ.get("KUBECTL") or shutil.which("kubectl") or programs.cached_program("kubectl")
        if not binary:
            raise ToolMissing("kubectl is not on PATH", hint="https://kubernetes.io/docs/tasks/tools/#kubectl")
        kubeconfig, context = self.kube_context.flags
        runner = SystemRunner(env=self.kube_context.environment(os.environ))
        return Kubectl(str(binary), self.namespace or DEFAULT_NAMESPACE, kubeconfig, context, runner)

    def helm_version(self) -> str:
        """The version of helm, which needs no cluster to say it. Raises ToolMissing."""
        from fogflow_k8s.adapters.helm.client import Helm, Target
        from fogflow_k8s.adapters.process import SystemRunner

        helm = Helm(SystemRunner(), Target(self.release, DEFAULT_NAMESPACE), helm_binary(), version=_known_version())
        return ".".join(map(str, helm.version))

    def begin(self, ctx: typer.Context) -> None:
        """Let Helm read the release while the rest of the program loads; an unused result is discarded when the command ends."""
        with suppress(ToolMissing, UsageError, ClusterError):  # reported later, after the problems of the settings
            helm = self._helm()
            helm.prefetch()
            ctx.call_on_close(helm.discard_prefetched)

    def _helm(self, namespace: str = "", *, needed: bool = True) -> Helm:
        from fogflow_k8s.adapters.helm.client import Helm, Target
        from fogflow_k8s.adapters.process import SystemRunner
        from fogflow_k8s.model import names

        namespace = self.namespace or namespace or DEFAULT_NAMESPACE
        names.require(self.release, namespace)
        target = Target(self.release, namespace, *self.kube_context.flags)
        if self._helm_client is None or self._helm_client.target != target:
            runner = SystemRunner(env=self.kube_context.environment(os.environ), echo=self.echo)
            try:
                self._helm_client = Helm(runner, target, helm_binary(), version=_known_version())
            except ToolMissing:
                if needed:
                    raise
                return Helm(runner, target)
        return self._helm_client

    def echo(self, line: str) -> None:
        """Print a command line that is about to be run, if -v is given."""
        if self.verbose:
            sys.stderr.write(f"    + {line}\n")

    def use_json_lines(self) -> None:
        """From now on, print progress on stdout as JSON lines."""
        from fogflow_k8s.console.jsonl import JsonLinesReporter

        self.reporter = JsonLinesReporter()

    def print_outcome(self, outcome: Outcome, output: str) -> None:
        """Print the result of an operation in the selected output format."""
        if output == "table":
            from fogflow_k8s.console.screens import outcome_screen

            self.print(outcome_screen(outcome))
            return
        from fogflow_k8s.console.documents import outcome_document

        self.print_document(outcome_document(outcome), output)

    def print_document(self, document: Result, output: str) -> None:
        """Print a document in the output format `output`: json, or jsonl for one line among the events."""
        self.reporter.close()
        cast("JsonLinesReporter", self.reporter).result(document) if output == "jsonl" else print_json(document)

    def print(self, what: Any) -> None:
        """Print a screen on stdout."""
        from fogflow_k8s.console import screens

        self.reporter.close()
        screens.show(self.out, what)

    def print_to_stderr(self, what: Any) -> None:
        """Print a screen that is not the result, such as the plan before a question."""
        from fogflow_k8s.console import screens

        self.reporter.close()
        screens.show(self._console(sys.stderr), what)

    @property
    def interactive(self) -> bool:
        """Whether a user at a terminal can answer questions."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask the user, unless `yes` is given. Raises Refused for any answer but yes, and without a terminal."""
        if yes:
            return
        self.reporter.close()
        if not self.interactive:
            raise Refused(
                f"{question} This is not a terminal, so nothing was asked or changed.",
                hint="to confirm in advance: --yes",
            )
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


def session_of(ctx: typer.Context, output: str = "") -> Session:
    """The session of this command line; with the output format jsonl, its progress goes to stdout as JSON lines."""
    found = ctx.obj if isinstance(ctx.obj, Session) else Session()
    found.verb = ctx.info_name or ""
    if output == "jsonl":
        found.use_json_lines()
    return found


@cache
def helm_binary() -> str:
    """The helm program: $HELM, otherwise a supported one on PATH, otherwise the one that the sandbox built. Raises ToolMissing."""
    from fogflow_k8s.adapters.helm.client import VERSION_TIMEOUT_S, check_version, version_timeout
    from fogflow_k8s.adapters.process import ChildTimeout, SystemRunner
    from fogflow_k8s.sandbox import programs

    if given := os.environ.get("HELM"):
        return given
    if found := programs.find_program("helm"):
        return str(found)
    if unfit := shutil.which("helm"):  # raises an error that explains the problem
        try:
            done = SystemRunner().run([unfit, "version", "--template", "{{.Version}}"], timeout_s=VERSION_TIMEOUT_S)
        except ChildTimeout as error:
            raise version_timeout(unfit) from error
        check_version(done.stdout, done.stderr)
    raise ToolMissing(
        "helm is not on PATH",
        hint="install Helm 4 (https://helm.sh/docs/intro/install), or let the sandbox build it: fogflow-k8s sandbox up",
    )


def _known_version() -> str:
    """The version of the sandbox's own helm, from its go.mod; "" for any other helm, which must be run to report its version."""
    from fogflow_k8s.sandbox import programs

    ours = programs.cached_program("helm")
    return programs.version_of("helm.sh/helm/v4") if ours and str(ours) == helm_binary() else ""


def print_json(document: Mapping[str, object]) -> None:
    """Print a document on stdout."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    sys.stdout.flush()
