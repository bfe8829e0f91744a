"""`verify`: test that FogFlow works.

The keeper runs the test in the cluster: it publishes an entity, subscribes to it and queries it, and returns the result of each
step. The last step is made from this machine: it requests the dashboard at the address that users have.
"""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.actions.observe import status
from fogflow_k8s.actions.observe.addresses import addresses
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.adapters.kubernetes.kubectl import Kubectl
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import ClusterError, FogflowError
from fogflow_k8s.model import manifests

PORT = 8095
_TIMEOUT_S = 60.0
_OUTSIDE_S = 5.0
_BUSY_S = 15.0


@dataclass(frozen=True)
class Step:
    """One step of the test: `why` it failed, and how long it took."""

    name: str
    ok: bool
    why: str
    ms: float


@dataclass(frozen=True)
class Proof:
    """The steps of a test, in the order in which they were run."""

    steps: tuple[Step, ...]

    @property
    def ok(self) -> bool:
        """Whether FogFlow works."""
        return bool(self.steps) and all(step.ok for step in self.steps)


def verify(op: Operation, kubectl: Kubectl, *, inside: bool = False) -> Proof:
    """Let the keeper test FogFlow, over a port forwarded to its pod; then request the dashboard from this machine.

    With `inside`, only the keeper's test. Raises NotInstalled, ClusterError, FogflowError.
    """
    found = status.stored(op)
    if found is None:
        raise status.not_installed(op)
    if op.simulated:
        raise FogflowError(status.WHY_SIMULATED, hint="fogflow-k8s sandbox up --real", exit_code=40)
    if not any(manifests.component_of(o) == "keeper" for o in found.expected):
        raise FogflowError(status.WHY_UNVERIFIED, hint="fogflow-k8s deploy --set keeper.enabled=true", exit_code=40)
    with kubectl.forward("deployment/keeper", PORT) as port:
        steps = tuple(Step(s["name"], s["ok"], s["why"], s["ms"]) for s in ask(port)["steps"])
    urls = [] if inside else [each.url for each in addresses(op, found.objects) if not each.inside]
    outside = tuple(_from_here(op, url) for url in urls)
    return Proof(steps + outside)


def _from_here(op: Operation, url: str) -> Step:
    """Request the dashboard's first page. A reverse proxy that asks for a login (401) counts as success."""
    import urllib3

    start = op.clock.now()
    try:
        answer = urllib3.request("GET", url, timeout=_OUTSIDE_S, retries=False)
        why = "" if answer.status in {http.client.OK, http.client.UNAUTHORIZED} else f"it answers {answer.status}"
    except urllib3.exceptions.HTTPError as error:
        reason = getattr(error, "reason", None) or error
        why = f"not reached from this machine: {reason}; check that the address is routed to a node, or leave this step out with --inside"
    return Step(f"dashboard at {url}", not why, why, (op.clock.now() - start) * 1000)


def ask(port: int) -> dict[str, Any]:
    """The keeper's test, requested at a local port. Repeats while the keeper runs another test. Raises ClusterError, FogflowError."""
    try:
        status, content = wait_for(
            "the keeper", lambda: _asked(port), lambda it: it[0] != http.client.TOO_MANY_REQUESTS, timeout_s=_BUSY_S, every_s=0.5
        )  # fmt: skip
    except WaitTimeout as error:
        hint = "a fogflow-k8s verify --watch may be running elsewhere: run the command again after it has ended"
        raise FogflowError("the keeper is busy with the tests of another client", hint=hint, exit_code=50) from error
    if status != http.client.OK:
        raise ClusterError(f"the keeper answered {status}: {content[:200]}", hint="fogflow-k8s logs keeper")
    return dict(json.loads(content))


def _asked(port: int) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        connection.request("POST", "/verify")
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        raise ClusterError(f"the keeper does not answer: {error}", hint="fogflow-k8s logs keeper") from error
    finally:
        connection.close()
