"""kubectl: for following logs and forwarding ports, and for the commands that we print. Whether it fits the server."""

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

SKEW = 1  # minor versions, older or newer: https://kubernetes.io/releases/version-skew-policy/#kubectl


def client_version(runner: Runner, binary: str = "kubectl") -> str:
    """What kubectl says its version is, like v1.36.1; "" when it is absent or says nothing of the kind."""
    path = shutil.which(binary)
    if path is None:
        return ""
    try:
        # without a kubeconfig: Google's kubectl is a dispatcher that asks the current cluster for its version first
        said = runner.run(
            [path, "version", "--client", "-o", "json", f"--kubeconfig={os.devnull}"], timeout_s=20
        ).stdout
        return str(json.loads(said)["clientVersion"]["gitVersion"])
    except (FogflowError, ValueError, KeyError, TypeError):  # it hangs, cannot be run, or answers something else
        return ""


def fits(client: str, server: str) -> bool:
    """Whether a kubectl `v1.36.1` may talk to a server `v1.37.2`."""
    ours, theirs = (re.match(r"v1\.(\d+)\.", text) for text in (server, client))
    return bool(ours and theirs and abs(int(ours[1]) - int(theirs[1])) <= SKEW)


@dataclass(frozen=True)
class Kubectl:
    """A kubectl on one namespace of one cluster."""

    binary: str
    namespace: str
    kubeconfig: str = ""
    context: str = ""
    runner: SystemRunner = field(default_factory=SystemRunner)

    def argv(self, *words: str) -> list[str]:
        """The command line of one call."""
        named = {"--kubeconfig": self.kubeconfig, "--context": self.context, "--namespace": self.namespace}
        return [self.binary, *(f"{flag}={value}" for flag, value in named.items() if value), *words]

    def execute(self, target: str, container: str, *words: str, stdin: str = "", timeout_s: float = 60.0) -> str:
        """Run a program in a container of `target`; its stdout. Secrets go to its stdin. Raises ClusterError."""
        argv = self.argv("exec", "--stdin", target, f"--container={container}", "--", *words)
        done = self.runner.run(argv, stdin=stdin, timeout_s=timeout_s)
        if done.code:
            said = (done.stderr.strip() or done.stdout.strip())[-300:]
            raise ClusterError(f"{words[0]} in {target} failed: {said}", hint=f"fogflow-k8s logs {container}")
        return done.stdout

    @contextmanager
    def forward(self, target: str, port: int | str, local: int = 0) -> Iterator[int]:
        """The local port (a free one for 0) that leads to a port of `target` (a Service's by name, too), for the time of the block.

        It enters the pod's own network, so no policy and no missing route stands in its way. Raises ForwardFailed.
        """
        with self.forwarding(target, port, local) as found:
            yield found.port

    @contextmanager
    def forwarding(self, target: str, port: int | str, local: int = 0) -> Iterator[Forward]:
        """The same for a long time: a Forward, which notices when it leads nowhere any more. Raises ForwardFailed."""
        argv = self.argv("port-forward", target, f"{local or ''}:{port}", "--address=127.0.0.1")
        with self.runner.lines(argv) as lines:
            yield Forward(target, lines)

    @contextmanager
    def logs(self, *words: str) -> Iterator[Lines]:
        """Lines of logs as they come, and kubectl's exit status; `words` are kubectl's own. What it says itself goes to stderr."""
        with self.runner.lines(self.argv("logs", *words), errors_apart=True) as lines:
            yield lines
