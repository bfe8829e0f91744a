"""`check`: everything that can be checked before a deploy, and of an installed release, as one list of checks.

A check has an id, a description of what it asserts, and a probe (check/probes). The prerequisites run first: without helm and a
cluster that answers, no other check can run. A check that fails says what it found and what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from fogflow_k8s.actions.check.probes import NotPermitted, admission, cluster, images, mesh, network
from fogflow_k8s.actions.observe import status
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.preconditions import permissions
from fogflow_k8s.actions.preconditions.prerequisites import prerequisites
from fogflow_k8s.actions.release.prepare import Prepared, prepare
from fogflow_k8s.actions.release.request import Request
from fogflow_k8s.engine.checks import Check, CheckOutcome, Result, run
from fogflow_k8s.errors import ClusterError, FogflowError, PreflightFailed, UsageError
from fogflow_k8s.model.listed import listed
from fogflow_k8s.model.release.permissions import helpful, needed
from fogflow_k8s.model.suggestions import suggestion

Verdict = Literal["ok", "warning", "failed", "unreachable"]
_NEEDED = ("helm", "cluster")  # without these no other check can run


@dataclass(frozen=True)
class CheckReport:
    """All results, in the order of the catalogue."""

    context: str
    server: str
    namespace: str
    results: tuple[Result, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of the results."""
        states = {r.state for r in self.results}
        if any(r.check.id == "cluster" and r.state == "failed" for r in self.results):
            return "unreachable"
        return "failed" if "failed" in states else "warning" if "warning" in states else "ok"

    def exit_code(self, fail_on: str) -> int:
        """0; 10 when a result is as bad as `fail_on` (warning or error) or worse; 11 when the cluster does not answer."""
        if self.verdict == "unreachable":
            return ClusterError.exit_code
        bad = ("failed", "warning") if fail_on == "warning" else ("failed",)
        return PreflightFailed.exit_code if self.verdict in bad else 0


def run_checks(op: Operation, request: Request, *, pre: bool = False, without: Collection[str] = ()) -> CheckReport:
    """Run the checks for this request; with `pre` only those for a cluster on which nothing is installed yet.

    `without`: the ids of checks to leave out. A check that cannot be carried out has failed, with the reason. Raises
    UsageError for an unknown id, ConfigError for settings that do not render.
    """
    unknown = set(without) - set(IDS)
    if unknown:
        name = min(unknown)
        raise UsageError(f"--suppress: there is no check {name!r}", hint=suggestion(name, IDS, f"checks: {', '.join(IDS)}"))  # fmt: skip
    first = _run(op, [replace(c, category="prerequisites") for c in prerequisites(op)], without)
    if any(r.state == "failed" and r.check.id in _NEEDED for r in first):
        return CheckReport(op.cluster.context, op.cluster.server, op.namespace, tuple(first))
    prepared = prepare(op, request, status.installed(op))
    found = [*first, *_run(op, catalogue(op, prepared, pre=pre), without)]
    return CheckReport(op.cluster.context, op.cluster.server, op.namespace, tuple(found))


def catalogue(op: Operation, prepared: Prepared, *, pre: bool) -> list[Check]:
    """The checks after the prerequisites. Those of an installed release are left out with `pre` and when nothing is installed."""
    objects = prepared.everything
    checks = [
        Check("rights", "you have the permissions that a deploy needs", lambda: _rights(op, objects), category="rights"),
        Check("rights-to-see", "you have the permissions that the checks need", lambda: _read_rights(op), True, "rights"),
        Check("nodes", "every node is ready", lambda: cluster.nodes_ready(op), True, "cluster"),
        Check("clocks", "the clocks of nodes and this machine agree", lambda: cluster.clocks(op), True, "cluster"),
        Check("dns", "the cluster's DNS is available", lambda: network.names_resolve(op), True, "cluster"),
        Check("mesh", "no service mesh injects proxies", lambda: mesh.no_mesh(op, prepared.objects), True, "cluster"),
        Check("leftovers", "no other FogFlow installation conflicts", lambda: cluster.no_leftovers(op), True, "cluster"),
        Check("capacity", "every pod fits on a node", lambda: cluster.pods_fit(op, prepared.objects), category="room"),
        Check("quota", "the namespace's quotas are sufficient", lambda: admission.quota_suffices(op, prepared), category="room"),
        Check("storage", "stored data is persistent", lambda: cluster.storage(op, prepared.objects), True, "room"),
        Check("references", "all referenced objects exist", lambda: cluster.nothing_missing(op, prepared.objects, making=prepared.making), category="admission"),
        Check("ownership", "no object belongs to another tool or release", lambda: cluster.nothing_of_others(op, prepared), category="admission"),
        Check("objects", "the API server accepts every object", lambda: admission.objects_accepted(op, prepared.objects), category="admission"),
        Check("pods", "admission accepts every pod", lambda: admission.pods_accepted(op, prepared.objects), category="admission"),
        Check("images", "the nodes can pull every image", lambda: images.images_pullable(op, prepared), category="images"),
        Check("external-ip", "the external address belongs to a node", lambda: network.external_ips_lead_here(op, prepared.objects), True, "network"),
        Check("families", "tasks are reachable by their addresses", lambda: cluster.tasks_addressable(op, prepared.objects), category="network"),
        Check("ports", "the external ports are free", lambda: network.ports_free(op, prepared.objects), category="network"),
    ]  # fmt: skip
    if prepared.installed and not pre:
        checks += [
            Check("release", "FogFlow works", lambda: cluster.release_works(op), category="release"),
            Check("address", "the reverse proxy has an address", lambda: network.address_given(op, prepared.objects), True, "release"),
        ]  # fmt: skip
    return checks


IDS = (
    "helm", "cluster", "kubectl", "docker", "rights", "rights-to-see", "nodes", "clocks", "dns", "mesh", "leftovers", "capacity", "quota",
    "storage", "references", "ownership", "objects", "pods", "images", "external-ip", "families", "ports", "release", "address",
)  # fmt: skip
"""The ids of all checks, for --suppress; a test compares them with the catalogue."""


def _run(op: Operation, checks: Sequence[Check], without: Collection[str]) -> list[Result]:
    kept = [replace(c, probe=_with_error_as_outcome(c.probe)) for c in checks if c.id not in without]
    done: list[Result] = []

    def record(result: Result) -> None:
        done.append(result)
        op.report.progress(result.check.description, len(done), len(kept))

    return run(kept, record)


def _with_error_as_outcome(probe: Callable[[], CheckOutcome]) -> Callable[[], CheckOutcome]:
    """The probe with its errors as outcomes, so that an error of one check does not end the others."""

    def probed() -> CheckOutcome:
        try:
            return probe()
        except NotPermitted as error_seen:
            return CheckOutcome(None, error_seen.message)
        except FogflowError as error:
            return CheckOutcome(False, error.message, error.hint)

    return probed


def _rights(op: Operation, objects: Sequence[dict[str, object]]) -> CheckOutcome:
    asked = needed(objects, op.namespace, permissions.existing(op, objects))
    if missing := permissions.missing(op, asked):
        record = listed(list(map(str, missing)), 4)
        return CheckOutcome(False, f"missing: {record}", "run fogflow-k8s deploy: it prints the Role that grants them")
    return CheckOutcome(True, f"{len(asked)} rights")


def _read_rights(op: Operation) -> CheckOutcome:
    missing = permissions.missing(op, helpful())
    if missing:
        return CheckOutcome(
            False,
            f"missing: {', '.join(map(str, missing))}",
            "ask an administrator for them, or go on: checks that need them are skipped",
        )
    return CheckOutcome(True, "nodes, pods of all namespaces, StorageClasses")
