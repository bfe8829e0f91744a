"""Run kubectl: for following logs, for commands in containers, and for port forwarding.

These need a stream in both directions, which kubectl already implements. The module also tells whether a kubectl
is close enough to the server's version to be used.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fogflow_k8s.adapters.kubernetes.port_forward import Forward
from fogflow_k8s.adapters.lines import Lines
from fogflow_k8s.adapters.process import Runner, SystemRunner
from fogflow_k8s.errors import ClusterError, FogflowError

MAX_MINOR_SKEW = 1  # minor versions, older or newer: https://kubernetes.io/releases/version-skew-policy/#kubectl


def client_version(runner: Runner, binary: str = "") -> str:
    """Return the version of `binary`, else of $KUBECTL or the one on PATH, like v1.36.1; "" when it is absent or prints none."""
    path = shutil.which(binary or os.environ.get("KUBECTL") or "kubectl")
    if path is None:
        return ""
    try:
        # without a kubeconfig: Google's kubectl wrapper asks the current cluster for its version first
        output = runner.run(
            [path, "version", "--client", "-o", "json", f"--kubeconfig={os.devnull}"], timeout_s=20
        ).stdout
        return str(json.loads(output)["clientVersion"]["gitVersion"])
    except (FogflowError, ValueError, KeyError, TypeError):  # it hangs, cannot be run, or prints something else
        return ""


def is_within_skew(client: str, server: str) -> bool:
    """Whether Kubernetes supports this kubectl (`v1.36.1`) with this server (`v1.37.2`)."""
    wanted, found = (re.match(r"v1\.(\d+)\.", text) for text in (server, client))
    return bool(wanted and found and abs(int(wanted[1]) - int(found[1])) <= MAX_MINOR_SKEW)


@dataclass(frozen=True)
class Kubectl:
    """A kubectl for one namespace of one cluster."""

    binary: str
    namespace: str
    kubeconfig: str = ""
    context: str = ""
    runner: SystemRunner = field(default_factory=SystemRunner)

    def argv(self, *words: str) -> list[str]:
        """Return the command line of one call."""
        named = {"--kubeconfig": self.kubeconfig, "--context": self.context, "--namespace": self.namespace}
        return [self.binary, *(f"{flag}={value}" for flag, value in named.items() if value), *words]

    def execute(self, target: str, container: str, *words: str, stdin: str = "", timeout_s: float = 60.0) -> str:
        """Run a program in a container of `target` and return its stdout. Pass secrets by `stdin`. Raises ClusterError."""
        argv = self.argv("exec", "--stdin", target, f"--container={container}", "--", *words)
        done = self.runner.run(argv, stdin=stdin, timeout_s=timeout_s)
        if done.code:
            output = (done.stderr.strip() or done.stdout.strip())[-300:]
            raise ClusterError(f"{words[0]} in {target} failed: {output}", hint=f"fogflow-k8s logs {container}")
        return done.stdout

    @contextmanager
    def forward(self, target: str, port: int | str, local: int = 0) -> Iterator[int]:
        """Forward a port during the block: yield the local port (a free one for 0) that leads to a port of `target`.

        A Service's port may be given by name. The connection enters the pod's own network, so NetworkPolicies and missing
        routes do not block it. Raises ForwardFailed.
        """
        with self.forwarding(target, port, local) as found:
            yield found.port

    @contextmanager
    def forwarding(self, target: str, port: int | str, local: int = 0) -> Iterator[Forward]:
        """The same for a long time: yield a Forward, which notices when the connection is lost. Raises ForwardFailed."""
        argv = self.argv("port-forward", target, f"{local or ''}:{port}", "--address=127.0.0.1")
        with self.runner.lines(argv) as lines:
            yield Forward(target, lines)

    @contextmanager
    def logs(self, *words: str) -> Iterator[Lines]:
        """Yield log lines as they appear, and kubectl's exit status; `words` are kubectl's arguments. Its stderr goes to this program's."""
        with self.runner.lines(self.argv("logs", *words), separate_stderr=True) as lines:
            yield lines
