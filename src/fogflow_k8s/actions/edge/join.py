"""`edge join`: join this cluster to a cloud as an edge.

The token of the cloud holds its addresses and the edge's login. The join checks the cloud first (probe.py), then deploys the
edge, marks the token as used, and waits until the cloud sees the edge's broker and worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fogflow_k8s.actions.edge import probe
from fogflow_k8s.actions.observe import status
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.release.deploy import deploy
from fogflow_k8s.actions.release.outcome import Outcome
from fogflow_k8s.actions.release.request import Login, Request
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import EdgeRefused, UsageError
from fogflow_k8s.model import manifests
from fogflow_k8s.model.edge.token import BadToken, Token, decode
from fogflow_k8s.model.kubernetes import annotations_of, status_of
from fogflow_k8s.model.settings.base import merge

SECRET = "fogflow-edge"  # noqa: S105 - a Secret's name
TOKEN, CONNECTIVITY = "fogflow-k8s.io/edge-token", "fogflow-k8s.io/edge-connectivity"
Connectivity = Literal["direct", "overlay"]
_NO_ANSWER = probe.SiteState(broker=False, consumers=0, marked=False)
_KINDS = {"truncated": "FK-6103", "mistyped": "FK-6102", "version": "FK-6110"}


@dataclass(frozen=True)
class JoinRequest:
    """What a join needs: token, chart, values, and the address at which the cloud reaches this edge."""

    token: Token
    chart: Path
    values: Mapping[str, Any]
    external_ip: str = ""
    connectivity: Connectivity = "direct"
    timeout_s: float = 300.0
    expect_cluster: str | None = None


@dataclass(frozen=True)
class JoinResult:
    """The result of a join: the outcome of the deploy, and the state of the site at the cloud."""

    outcome: Outcome
    site: str
    url: str
    seen: probe.SiteState | None = field(default=None)
    """None: not requested, as the deploy failed or the nodes are simulated."""


def read(text: str) -> Token:
    """Decode a token. Raises EdgeRefused."""
    try:
        return decode(text)
    except BadToken as error:
        hint = "nothing was changed. Copy the whole token again"
        raise EdgeRefused(_KINDS[error.kind], f"this is not a complete token: {error}", hint=hint) from error


def join(op: Operation, wanted: JoinRequest) -> JoinResult:
    """Join, or update an edge that has joined before. Nothing is changed before every check has passed.

    Raises EdgeRefused, UsageError, and what a deploy raises.
    """
    token = wanted.token
    installed = status.installed(op)
    _require_edge(op, installed.objects if installed else ())
    ours = join_annotations(installed.objects if installed else ()).get(TOKEN) == token.id
    address = wanted.external_ip or _own_address(op)
    op.report.step(
        f"checking the cloud at {token.rabbitmq.host}: RabbitMQ with this edge's login, discovery, broker, clock"
    )
    probe.require(token, op.today(), ours=ours)
    request = Request(
        chart=wanted.chart,
        values=merge(values_of(token, address, wanted.connectivity), wanted.values),
        timeout_s=wanted.timeout_s,
        expect_cluster=wanted.expect_cluster,
        login=Login(SECRET, token.password),
    )
    outcome = deploy(op, request)
    url = f"http://{address}:{_port(request.values)}"
    if outcome.exit_code or op.simulated:
        return JoinResult(outcome, token.site, url)
    _mark_used(op, token, ours=ours)
    return JoinResult(outcome, token.site, url, _wait(op, token, wanted.timeout_s))


def values_of(token: Token, address: str, connectivity: str) -> dict[str, Any]:
    """The chart's values for a token, without its password."""
    ends = {name: {"host": end.host, "port": end.port} for name, end in _endpoints(token).items()}
    ends["broker"]["name"] = token.broker_name
    return {
        "cloud": ends,
        "config": {"site_id": token.site, "external_hostip": address},
        "rabbitmq": {"auth": {"username": token.user, "existingSecret": SECRET}},
        "podAnnotations": {TOKEN: token.id, CONNECTIVITY: connectivity},
    }


def join_annotations(objects: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The annotations that a join wrote to the edge broker's pods; empty without an edge broker."""
    for obj in manifests.workloads(objects):
        if manifests.component_of(obj) == "edge-broker":
            return dict(annotations_of(obj["spec"]["template"]))
    return {}


def _require_edge(op: Operation, objects: Sequence[Mapping[str, Any]]) -> None:
    if objects and not any(manifests.component_of(o) == "edge-broker" for o in objects):
        raise UsageError(
            f"release {op.release} in namespace {op.namespace} is a FogFlow cloud, not an edge: nothing was changed",
            hint="use another namespace: fogflow-k8s edge join - -n fogflow-edge",
        )


def _own_address(op: Operation) -> str:
    """The address of the only node. Raises UsageError when the cluster has several nodes, or none with an address."""
    nodes = op.nodes or ()
    found = [a for node in nodes for a in status_of(node).get("addresses") or []]
    if len(nodes) == 1:
        for kind in ("ExternalIP", "InternalIP"):
            for each in found:
                if each.get("type") == kind:
                    return str(each["address"])
    raise UsageError(
        f"this cluster has {len(nodes) or 'no visible'} nodes: name the address at which the cloud reaches this edge",
        hint="--external-ip ADDRESS",
    )


def _mark_used(op: Operation, token: Token, *, ours: bool) -> None:
    """Mark the token as used at the cloud. Raises EdgeRefused when another edge used it while this one was installed."""
    try:
        first = probe.mark_used(token)
    except OSError as error:
        raise EdgeRefused(
            "FK-6111",
            f"the edge is installed, but the cloud no longer answers: {error}",
            hint="run fogflow-k8s edge join again with the same token",
            exit_code=30,
        ) from error
    if not first and not ours:
        raise EdgeRefused(
            "FK-6104",
            f"another installation joined as site {token.site} with this token in the meantime; both would share its queue",
            hint=f"here: fogflow-k8s edge leave -n {op.namespace}; then join with another token",
            exit_code=30,
        )


def _site_state(token: Token) -> probe.SiteState:
    """The site's state at the cloud; `_NO_ANSWER` while it does not answer, as a connection may be lost for a moment."""
    try:
        return probe.site_state(token)
    except OSError:
        return _NO_ANSWER


def _wait(op: Operation, token: Token, timeout_s: float) -> probe.SiteState:
    """Wait until the cloud sees the edge's broker and worker. Raises EdgeRefused, naming what it does not see."""
    op.report.step("waiting until the cloud sees the edge's broker and worker")
    try:
        return wait_for(
            "the cloud's view",
            lambda: _site_state(token),
            lambda seen: seen.broker and seen.consumers > 0,
            timeout_s=timeout_s, every_s=1.0, clock=op.clock,
        )  # fmt: skip
    except WaitTimeout as error:
        missing = _missing(error.last) if isinstance(error.last, probe.SiteState) else ""
        raise EdgeRefused(
            "FK-6111",
            f"the edge is installed, but after {timeout_s:g} s {missing}",
            hint=f"the edge keeps trying. Check it: fogflow-k8s edge check -n {op.namespace}",
            exit_code=30,
        ) from error


def _missing(seen: probe.SiteState) -> str:
    if seen is _NO_ANSWER:
        return "the cloud did not answer"
    broker = [] if seen.broker else ["the cloud's discovery does not list its broker"]
    worker = [] if seen.consumers else ["its worker's queue at the cloud's RabbitMQ has no consumer"]
    return " and ".join([*broker, *worker])


def _endpoints(token: Token) -> dict[str, Any]:
    return {"rabbitmq": token.rabbitmq, "discovery": token.discovery, "broker": token.broker}


def _port(values: Mapping[str, Any]) -> int:
    from fogflow_k8s.model.settings.edge import PORT

    return int(((values.get("config") or {}).get("broker") or {}).get("http_port", PORT))
