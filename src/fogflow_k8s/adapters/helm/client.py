"""Helm, as a child process: a method per verb, argv as data, JSON in, typed errors out.

Helm 4 and Helm 3.19+ are spoken, each by its own flags. Helm never waits for workloads here (`--wait=hookOnly`): its
wait names no cause and gives a bare count, so readiness is ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from fogflow_k8s.adapters.helm.errors import classify
from fogflow_k8s.adapters.helm.reading import Reading
from fogflow_k8s.adapters.process import Child, Completed, Runner
from fogflow_k8s.errors import ClusterError, ToolMissing

OLDEST = (3, 19, 0)
_ALL = "1000000"  # revisions: for `helm history` 0 means none, and its default is 256
BROKEN = {(4, 2, 1): "every wait for a hook or deletion blocks for the whole timeout (helm issue 32214)"}


class StartingRunner(Runner, Protocol):
    """A Runner that can also start a program and return at once."""

    def start(self, argv: Sequence[str], *, stdin: str | None = None) -> Child:
        """Start a program and return at once. Raises ToolMissing."""


@dataclass(frozen=True)
class Target:
    """Which cluster, namespace and release a command is about. Empty strings mean: as kubectl would choose."""

    release: str
    namespace: str
    kubeconfig: str = ""
    context: str = ""

    def flags(self) -> list[str]:
        """The flags that helm and kubectl-like tools need to mean the same place."""
        flags = ["--namespace", self.namespace]
        if self.kubeconfig:
            flags += ["--kubeconfig", self.kubeconfig]
        if self.context:
            flags += ["--kube-context", self.context]
        return flags


class Helm:
    """One helm binary, for one release."""

    def __init__(self, runner: StartingRunner, target: Target, binary: str = "helm", *, version: str = "") -> None:
        """`version`: what the binary would say of itself, when that is known."""
        self.runner = runner
        self.target = target
        self.binary = binary
        self._version = version
        self._early: dict[str, Child] = {}

    def begin(self) -> None:
        """Start what a verb asks first (version, history, manifest), so that it is there once the program has loaded.

        Each answer is handed out once; whoever asks again gets a new one. `abandon` ends what nobody asked for.
        """
        started = {"history": self.start_history(), "manifest": self.start_manifest()}
        self._early = started if self._version else {**started, "version": self._start_version()}

    def abandon(self) -> None:
        """End the children of `begin` whose answers were not wanted."""
        while self._early:
            self._early.popitem()[1].kill()

    @cached_property
    def version(self) -> tuple[int, int, int]:
        """Major, minor, patch. Raises ToolMissing when absent, too old, or known to be broken."""
        return check_version(self._version or _finished(self._start_version(), 20).stdout)

    def _start_version(self) -> Child:
        return self._begun("version") or self.runner.start([self.binary, "version", "--template", "{{.Version}}"])

    def _begun(self, what: str) -> Child | None:
        return self._early.pop(what, None)

    def history(self) -> list[dict[str, Any]]:
        """The revisions, oldest first; empty when there is no such release."""
        return self.read_history(self.start_history())

    def start_history(self) -> Child:
        """`helm history` under way; hand it to read_history."""
        begun = self._begun("history")
        return begun or self._reading(self._argv("history", self.target.release, "--output", "json", "--max", _ALL))

    def read_history(self, child: Child) -> list[dict[str, Any]]:
        """What start_history's child has to say."""
        done = _finished(child)
        if done.code and "release: not found" in done.stderr:
            return []
        return list(json.loads(self._text(done) or "[]"))

    def start_manifest(self, revision: int | None = None) -> Child:
        """`helm get manifest` under way; hand it to read_text."""
        which = ["--revision", str(revision)] if revision else []
        begun = None if revision else self._begun("manifest")
        return begun or self._reading(self._argv("get", "manifest", self.target.release, *which))

    def read_text(self, child: Child) -> str:
        """The output of a child started here. Raises as every verb does."""
        return self._text(_finished(child))

    def manifest(self, revision: int | None = None) -> str:
        """The manifests of a revision (default: the newest) as YAML. Raises ReleaseNotFound."""
        return self.read_text(self.start_manifest(revision))

    def start_values(self, revision: int) -> Child:
        """`helm get values` under way: what a person gave with a revision, as JSON."""
        return self._reading(
            self._argv("get", "values", self.target.release, "--output", "json", "--revision", str(revision))
        )

    def start_status(self) -> Child:
        """`helm status` under way, as JSON."""
        return self._reading(self._argv("status", self.target.release, "--output", "json"))

    def start_template(
        self,
        chart: Path,
        values: Mapping[str, Any],
        *,
        upgrade: bool = False,
        kube_version: str = "",
        hooks: bool = True,
    ) -> Child:
        """`helm template` under way (no cluster is asked), hooks and tests included if asked for; hand it to read_text."""
        extra = ["--is-upgrade"] if upgrade else []
        extra += ["--kube-version", kube_version] if kube_version else []
        extra += [] if hooks else ["--no-hooks"]
        argv = [
            self.binary,
            "template",
            self.target.release,
            str(chart),
            "--namespace",
            self.target.namespace,
            "--values",
            "-",
            *extra,
        ]
        return self.runner.start(argv, stdin=json.dumps(values))

    def start_identity(self, chart: Path, kind: str, namespace: str, name: str) -> Child:
        """The look at an object of kind v1 under way, by the chart that prints its uid; hand it to read_identity."""
        wanted = {"apiVersion": "v1", "kind": kind, "namespace": namespace, "name": name}
        argv = self._argv("template", "identity", str(chart), "--values", "-", "--dry-run=server")
        return self._reading([*argv, "--disable-openapi-validation"], json.dumps(wanted))

    def read_identity(self, child: Child) -> str:
        """The uid of that object as helm sees it; "" when it has none. Raises as every verb does."""
        found = re.search(r'^ +uid: "([^"]*)"$', self.read_text(child), re.MULTILINE)
        return found[1] if found else ""

    def start_upgrade(
        self,
        chart: Path,
        values: Mapping[str, Any],
        *,
        timeout_s: float,
        description: str = "",
        force_conflicts: bool = False,
        take_ownership: bool = False,
    ) -> Child:
        """`helm upgrade --install` under way; hand it to check.

        With `take_ownership` Helm takes over objects that others made, and with them (Helm 4) every field that others set.
        """
        argv = self._argv("upgrade", self.target.release, str(chart), "--install", "--values", "-", "--output", "json")
        argv += ["--reset-values", "--timeout", f"{timeout_s:.0f}s"]
        argv += ["--description", description] if description else []
        argv += ["--take-ownership"] if take_ownership else []
        if self.version >= (4,):
            argv += ["--wait=hookOnly"] + (["--force-conflicts"] if force_conflicts or take_ownership else [])
        return self.runner.start(argv, stdin=json.dumps(values))

    def start_rehearsal(self, chart: Path, values: Mapping[str, Any]) -> Child:
        """What `helm upgrade --install` would apply, rendered with the cluster at hand; hand it to read_rehearsal.

        It renders where others have made objects of the same names, too: actions/preconditions/ownership.py judges these.
        """
        argv = self._argv("upgrade", self.target.release, str(chart), "--install", "--values", "-", "--output", "json")
        return self._reading([*argv, "--reset-values", "--dry-run=server", "--take-ownership"], json.dumps(values))

    def read_rehearsal(self, child: Child) -> str:
        """The manifests as YAML, with the values of Secrets in them. Raises as every verb does."""
        return str(json.loads(self.read_text(child))["manifest"])

    def start_rollback(self, revision: int, *, timeout_s: float, force_conflicts: bool = False) -> Child:
        """`helm rollback` under way; hand it to check."""
        argv = self._argv("rollback", self.target.release, str(revision), "--timeout", f"{timeout_s:.0f}s")
        if self.version >= (4,):
            argv += ["--wait=hookOnly"] + (["--force-conflicts"] if force_conflicts else [])
        return self.runner.start(argv)

    def start_uninstall(self, *, timeout_s: float, hooks: bool = True) -> Child:
        """`helm uninstall` under way; hand it to check. Objects are deleted in the background."""
        argv = self._argv("uninstall", self.target.release, "--timeout", f"{timeout_s:.0f}s", "--ignore-not-found")
        return self.runner.start(argv if hooks else [*argv, "--no-hooks"])

    def check(self, done: Completed) -> Completed:
        """The same result, when Helm succeeded; the typed error otherwise."""
        self._text(done)
        return done

    def _reading(self, argv: list[str], stdin: str | None = None) -> Child:
        return Reading(lambda: self.runner.start(argv, stdin=stdin))

    def _argv(self, *words: str) -> list[str]:
        return [self.binary, *words, *self.target.flags()]

    def _text(self, done: Completed) -> str:
        if done.code:
            raise classify(done, self.target)
        return done.stdout


def parse_version(text: str) -> tuple[int, int, int] | None:
    """Major, minor and patch of a string like v4.3.1 or v3.19.0+g1234; a missing patch (an unstamped build) is 0."""
    match = re.search(r"v?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def check_version(text: str) -> tuple[int, int, int]:
    """The version, when it is one we can work with. Raises ToolMissing with the reason otherwise."""
    version = parse_version(text)
    wanted = "install Helm 4 (https://helm.sh/docs/intro/install), or let the sandbox build it: fogflow-k8s sandbox up"
    if version is None:
        raise ToolMissing(f"helm does not say its version, only {text.strip()!r}", hint=wanted)
    if version < OLDEST:
        raise ToolMissing(f"helm {'.'.join(map(str, version))} is too old: 3.19 is the oldest we can use", hint=wanted)
    if version in BROKEN:
        raise ToolMissing(
            f"helm {'.'.join(map(str, version))} is refused: {BROKEN[version]}", hint="use 4.2.2 or newer"
        )
    return version


def _finished(child: Child, timeout_s: float = 60.0) -> Completed:
    done = child.wait(timeout_s)
    if done is None:
        child.stop()
        raise ClusterError(
            f"helm gave no answer within {timeout_s:g} s", hint="is the API server slow? kubectl cluster-info"
        )
    return done
