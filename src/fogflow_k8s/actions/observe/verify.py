"""The proof that FogFlow works: the keeper publishes, subscribes and looks, and tells how each step went."""

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
    """One proof."""

    name: str
    ok: bool
    why: str
    ms: float


@dataclass(frozen=True)
class Proof:
    """All of them, in the order in which they were tried."""

    steps: tuple[Step, ...]

    @property
    def ok(self) -> bool:
        """Whether FogFlow works."""
        return bool(self.steps) and all(step.ok for step in self.steps)


def verify(op: Operation, kubectl: Kubectl, *, inside: bool = False) -> Proof:
    """Ask the keeper for its proof, through a port forwarded into its pod; then the dashboard, the way users come to it.

    `inside` leaves the second out. Raises NotInstalled, ClusterError, FogflowError.
    """
    found = status.stored(op)
    if found is None:
        raise status.absent(op)
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
    """The dashboard's first page through the chosen exposure. A reverse proxy that asks for a login is there, too."""
    import urllib3

    start = op.clock.now()
    try:
        answer = urllib3.request("GET", url, timeout=_OUTSIDE_S, retries=False)
        why = "" if answer.status in {http.client.OK, http.client.UNAUTHORIZED} else f"it answers {answer.status}"
    except urllib3.exceptions.HTTPError as error:
        reason = getattr(error, "reason", None) or error
        why = f"not reached from this machine: {reason}; is the address routed to a node? --inside leaves this out"
    return Step(f"dashboard at {url}", not why, why, (op.clock.now() - start) * 1000)


def ask(port: int) -> dict[str, Any]:
    """The proof of the keeper behind a local port; one that verifies, or just has, is asked again. Raises ClusterError, FogflowError."""
    try:
        status, content = wait_for(
            "the keeper", lambda: _asked(port), lambda it: it[0] != http.client.TOO_MANY_REQUESTS, timeout_s=_BUSY_S, every_s=0.5
        )  # fmt: skip
    except WaitTimeout as error:
        hint = "is there a verify --watch elsewhere? Try again when it has ended"
        raise FogflowError("the keeper verifies for somebody else all the time", hint=hint, exit_code=50) from error
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
