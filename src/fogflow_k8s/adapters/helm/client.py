"""Run helm as a child process: one method per helm command, JSON as output, typed errors.

Helm 4 and Helm 3.19 or newer are supported, each with its own flags. Helm never waits for workloads here
(`--wait=hookOnly`), because its wait reports a count and no cause; this tool does its own waiting.

A `start_*` method starts a command and returns a child; the matching `read_*` method (or `require_success`) takes its
result. So a caller can run several commands at the same time.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from fogflow_k8s.adapters.helm.errors import classify
from fogflow_k8s.adapters.helm.retry import RetryingChild
from fogflow_k8s.adapters.process import Child, Completed, Runner
from fogflow_k8s.errors import ClusterError, ToolMissing

OLDEST_VERSION = (3, 19, 0)
VERSION_TIMEOUT_S = 20.0
_ALL_REVISIONS = "1000000"  # `helm history` takes 0 as "none", and 256 is its default
BROKEN_VERSIONS = {(4, 2, 1): "every wait for a hook or deletion blocks for the whole timeout (helm issue 32214)"}


class StartingRunner(Runner, Protocol):
    """A Runner that can also start a program without waiting for it."""

    def start(self, argv: Sequence[str], *, stdin: str | None = None) -> Child:
        """Start a program and return at once. Raises ToolMissing."""


@dataclass(frozen=True)
class Target:
    """The cluster, namespace and release of a command. An empty kubeconfig or context means the one that kubectl would use."""

    release: str
    namespace: str
    kubeconfig: str = ""
    context: str = ""

    def flags(self) -> list[str]:
        """Return helm's flags for this namespace, kubeconfig and context."""
        flags = ["--namespace", self.namespace]
        if self.kubeconfig:
            flags += ["--kubeconfig", self.kubeconfig]
        if self.context:
            flags += ["--kube-context", self.context]
        return flags


class Helm:
    """One helm binary, used for one release."""

    def __init__(self, runner: StartingRunner, target: Target, binary: str = "helm", *, version: str = "") -> None:
        """`version` is the output of `helm version`, when it is already known."""
        self.runner = runner
        self.target = target
        self.binary = binary
        self._version = version
        self._prefetched: dict[str, Child] = {}

    @property
    def typed(self) -> str:
        """The program as a user types it: `helm` where the PATH has one, else the path of the one that is used."""
        return "helm" if shutil.which("helm") else self.binary

    def prefetch(self) -> None:
        """Start the commands that a verb needs first (version, history, manifest), so that they run while Python loads modules.

        Each result is used once; a second request starts a new command. `discard_prefetched` ends the unused ones.
        """
        started = {"history": self.start_history(), "manifest": self.start_manifest()}
        self._prefetched = started if self._version else {**started, "version": self._start_version()}

    def discard_prefetched(self) -> None:
        """End the children of `prefetch` whose results were not used."""
        while self._prefetched:
            self._prefetched.popitem()[1].kill()

    @cached_property
    def version(self) -> tuple[int, int, int]:
        """Major, minor, patch. Raises ToolMissing when helm is absent, too old, or known to be broken."""
        if self._version:
            return check_version(self._version)
        child = self._start_version()
        done = child.wait(VERSION_TIMEOUT_S)
        if done is None:
            child.stop()
            raise version_timeout(self.binary)
        return check_version(done.stdout, done.stderr)

    def _start_version(self) -> Child:
        return self._take_prefetched("version") or self.runner.start(
            [self.binary, "version", "--template", "{{.Version}}"]
        )

    def _take_prefetched(self, what: str) -> Child | None:
        return self._prefetched.pop(what, None)

    def history(self) -> list[dict[str, Any]]:
        """Return the revisions, oldest first; empty when the release does not exist."""
        return self.read_history(self.start_history())

    def start_history(self) -> Child:
        """Start `helm history`; read it with read_history."""
        prefetched = self._take_prefetched("history")
        return prefetched or self._start_read(
            self._argv("history", self.target.release, "--output", "json", "--max", _ALL_REVISIONS)
        )

    def read_history(self, child: Child) -> list[dict[str, Any]]:
        """Return the revisions from a child of start_history."""
        done = _wait_for(child)
        if done.code and "release: not found" in done.stderr:
            return []
        return list(json.loads(self._text(done) or "[]"))

    def start_manifest(self, revision: int | None = None) -> Child:
        """Start `helm get manifest`; read it with read_text."""
        which = ["--revision", str(revision)] if revision else []
        prefetched = None if revision else self._take_prefetched("manifest")
        return prefetched or self._start_read(self._argv("get", "manifest", self.target.release, *which))

    def read_text(self, child: Child) -> str:
        """Return the output of a child that this class started. Raises the typed error of a failed command."""
        return self._text(_wait_for(child))

    def manifest(self, revision: int | None = None) -> str:
        """Return the manifests of a revision (default: the newest) as YAML. Raises ReleaseNotFound."""
        return self.read_text(self.start_manifest(revision))

    def start_values(self, revision: int) -> Child:
        """Start `helm get values`: the user's values of a revision, as JSON."""
        return self._start_read(
            self._argv("get", "values", self.target.release, "--output", "json", "--revision", str(revision))
        )

    def start_status(self) -> Child:
        """Start `helm status`, as JSON."""
        return self._start_read(self._argv("status", self.target.release, "--output", "json"))

    def start_template(
        self,
        chart: Path,
        values: Mapping[str, Any],
        *,
        upgrade: bool = False,
        kube_version: str = "",
        hooks: bool = True,
    ) -> Child:
        """Start `helm template`, which does not contact a cluster; read it with read_text. `hooks` includes hooks and tests."""
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

    def start_uid_lookup(self, chart: Path, kind: str, namespace: str, name: str) -> Child:
        """Start rendering the chart that looks up an object of kind v1 and prints its uid; read it with read_uid."""
        wanted = {"apiVersion": "v1", "kind": kind, "namespace": namespace, "name": name}
        argv = self._argv("template", "identity", str(chart), "--values", "-", "--dry-run=server")
        return self._start_read([*argv, "--disable-openapi-validation"], json.dumps(wanted))

    def read_uid(self, child: Child) -> str:
        """Return the uid of the object as helm sees it; "" when helm does not find it. Raises the error of a failed command."""
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
        """Start `helm upgrade --install`; check the result with require_success.

        With `take_ownership`, Helm adopts objects that other tools created, and with Helm 4 also every field that others set.
        """
        argv = self._argv("upgrade", self.target.release, str(chart), "--install", "--values", "-", "--output", "json")
        argv += ["--reset-values", "--timeout", f"{timeout_s:.0f}s"]
        argv += ["--description", description] if description else []
        argv += ["--take-ownership"] if take_ownership else []
        if self.version >= (4,):
            argv += ["--wait=hookOnly"] + (["--force-conflicts"] if force_conflicts or take_ownership else [])
        return self.runner.start(argv, stdin=json.dumps(values))

    def start_dry_run(self, chart: Path, values: Mapping[str, Any]) -> Child:
        """Start `helm upgrade --install --dry-run=server`: render what it would apply; read it with read_dry_run.

        It also renders when other tools created objects of the same names; actions/preconditions/ownership.py handles those.
        """
        argv = self._argv("upgrade", self.target.release, str(chart), "--install", "--values", "-", "--output", "json")
        return self._start_read([*argv, "--reset-values", "--dry-run=server", "--take-ownership"], json.dumps(values))

    def read_dry_run(self, child: Child) -> str:
        """Return the manifests as YAML, including the values of Secrets. Raises the error of a failed command."""
        return str(json.loads(self.read_text(child))["manifest"])

    def start_rollback(self, revision: int, *, timeout_s: float, force_conflicts: bool = False) -> Child:
        """Start `helm rollback`; check the result with require_success."""
        argv = self._argv("rollback", self.target.release, str(revision), "--timeout", f"{timeout_s:.0f}s")
        if self.version >= (4,):
            argv += ["--wait=hookOnly"] + (["--force-conflicts"] if force_conflicts else [])
        return self.runner.start(argv)

    def start_uninstall(self, *, timeout_s: float, hooks: bool = True) -> Child:
        """Start `helm uninstall`; check the result with require_success. Objects are deleted in the background."""
        argv = self._argv("uninstall", self.target.release, "--timeout", f"{timeout_s:.0f}s", "--ignore-not-found")
        return self.runner.start(argv if hooks else [*argv, "--no-hooks"])

    def require_success(self, done: Completed) -> Completed:
        """Return `done` unchanged when Helm succeeded. Raises its typed error otherwise."""
        self._text(done)
        return done

    def _start_read(self, argv: list[str], stdin: str | None = None) -> Child:
        return RetryingChild(lambda: self.runner.start(argv, stdin=stdin))

    def _argv(self, *words: str) -> list[str]:
        return [self.binary, *words, *self.target.flags()]

    def _text(self, done: Completed) -> str:
        if done.code:
            raise classify(done, self.target)
        return done.stdout


def parse_version(text: str) -> tuple[int, int, int] | None:
    """Return major, minor and patch of a string like v4.3.1 or v3.19.0+g1234; a missing patch (unstamped build) is 0."""
    match = re.search(r"v?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def version_timeout(binary: str) -> ToolMissing:
    """The error for a helm that does not print its version, for which it needs no cluster."""
    return ToolMissing(
        f"{binary} version did not finish within {VERSION_TIMEOUT_S:g} s", hint=f"check this program: {binary} version"
    )


def check_version(text: str, stderr: str = "") -> tuple[int, int, int]:
    """Return the version in the output of `helm version` when it is supported. Raises ToolMissing with the reason otherwise."""
    version = parse_version(text)
    wanted = "install Helm 4 (https://helm.sh/docs/intro/install), or let the sandbox build it: fogflow-k8s sandbox up"
    if version is None:
        said = text.strip() or (stderr.strip().splitlines() or [""])[-1]
        raise ToolMissing(f"helm printed no version, only {said!r}", hint=wanted)
    if version < OLDEST_VERSION:
        raise ToolMissing(f"helm {'.'.join(map(str, version))} is too old: 3.19 or newer is needed", hint=wanted)
    if version in BROKEN_VERSIONS:
        raise ToolMissing(
            f"helm {'.'.join(map(str, version))} cannot be used: {BROKEN_VERSIONS[version]}", hint="use 4.2.2 or newer"
        )
    return version


def _wait_for(child: Child, timeout_s: float = 60.0) -> Completed:
    done = child.wait(timeout_s)
    if done is None:
        child.stop()
        raise ClusterError(
            f"helm gave no answer within {timeout_s:g} s", hint="check the API server: kubectl cluster-info"
        )
    return done
