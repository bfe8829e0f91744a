"""Join this cluster to a cloud as an edge: look at everything first, then deploy, then see that the cloud sees it."""

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
_SILENT = probe.SiteState(broker=False, consumers=0, marked=False)
_KINDS = {"truncated": "FK-6103", "mistyped": "FK-6102", "version": "FK-6110"}


@dataclass(frozen=True)
class JoinRequest:
    """How this edge joins."""

    token: Token
    chart: Path
    values: Mapping[str, Any]
    external_ip: str = ""
    connectivity: Connectivity = "direct"
    timeout_s: float = 300.0
    expect_cluster: str | None = None


@dataclass(frozen=True)
class Joined:
    """How it ended: the deploy's own end, and what the cloud sees."""

    outcome: Outcome
    site: str
    url: str
    seen: probe.SiteState | None = field(default=None)
    """None: not asked, as the deploy did not end well or the nodes are simulated."""


def read(text: str) -> Token:
    """The token in a text. Raises EdgeRefused."""
    try:
        return decode(text)
    except BadToken as error:
        hint = "nothing was changed. Copy the whole line again"
        raise EdgeRefused(_KINDS[error.kind], f"this is no whole token: {error}", hint=hint) from error


def join(op: Operation, wanted: JoinRequest) -> Joined:
    """Join, or bring an edge that has joined up to date. Before every check has passed nothing is changed.

    Raises EdgeRefused, UsageError, and what a deploy raises.
    """
    token = wanted.token
    installed = status.installed(op)
    _require_edge(op, installed.objects if installed else ())
    ours = noted(installed.objects if installed else ()).get(TOKEN) == token.id
    address = wanted.external_ip or _own_address(op)
    op.report.step(
        f"asking the cloud at {token.rabbitmq.host}: RabbitMQ with this edge's login, discovery, broker, its clock"
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
        return Joined(outcome, token.site, url)
    _mark(op, token, ours=ours)
    return Joined(outcome, token.site, url, _wait(op, token, wanted.timeout_s))


def values_of(token: Token, address: str, connectivity: str) -> dict[str, Any]:
    """The chart's values for a token. No secret is among them."""
    ends = {name: {"host": end.host, "port": end.port} for name, end in _ends(token).items()}
    ends["broker"]["name"] = token.broker_name
    return {
        "cloud": ends,
        "config": {"site_id": token.site, "external_hostip": address},
        "rabbitmq": {"auth": {"username": token.user, "existingSecret": SECRET}},
        "podAnnotations": {TOKEN: token.id, CONNECTIVITY: connectivity},
    }


def noted(objects: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What a join has noted on the edge broker's pods; empty when there is none."""
    for obj in manifests.workloads(objects):
        if manifests.component_of(obj) == "edge-broker":
            return dict(annotations_of(obj["spec"]["template"]))
    return {}


def _require_edge(op: Operation, objects: Sequence[Mapping[str, Any]]) -> None:
    if objects and not any(manifests.component_of(o) == "edge-broker" for o in objects):
        raise UsageError(
            f"release {op.release} in namespace {op.namespace} is a FogFlow cloud, not an edge: nothing was changed",
            hint="another namespace: fogflow-k8s edge join - -n fogflow-edge",
        )


def _own_address(op: Operation) -> str:
    """The address of the only node. Raises UsageError when that is a guess."""
    nodes = op.nodes or ()
    found = [a for node in nodes for a in status_of(node).get("addresses") or []]
    if len(nodes) == 1:
        for kind in ("ExternalIP", "InternalIP"):
            for each in found:
                if each.get("type") == kind:
                    return str(each["address"])
    raise UsageError(
        f"this cluster has {len(nodes) or 'no visible'} nodes: say at which address the cloud reaches this edge",
        hint="--external-ip ADDRESS",
    )


def _mark(op: Operation, token: Token, *, ours: bool) -> None:
    """Note at the cloud that we have joined. Raises EdgeRefused when another did while this edge was installed."""
    try:
        first = probe.mark(token)
    except OSError as error:
        raise EdgeRefused(
            "FK-6111",
            f"the edge is installed, and the cloud does not answer any more: {error}",
            hint="join once more with the same token",
            exit_code=30,
        ) from error
    if not first and not ours:
        raise EdgeRefused(
            "FK-6104",
            f"another cluster or installation has joined as site {token.site} with this token meanwhile; both would share its queue",
            hint=f"here: fogflow-k8s edge leave -n {op.namespace}; then join with a token of its own",
            exit_code=30,
        )


def _look(token: Token) -> probe.SiteState:
    """What the cloud sees; nothing while it does not answer: a link may be lost for a moment."""
    try:
        return probe.look(token)
    except OSError:
        return _SILENT


def _wait(op: Operation, token: Token, timeout_s: float) -> probe.SiteState:
    """Until the cloud sees both halves. Raises EdgeRefused with the half that is missing."""
    op.report.step("waiting until the cloud sees the edge's broker and worker")
    try:
        return wait_for(
            "the cloud's view",
            lambda: _look(token),
            lambda seen: seen.broker and seen.consumers > 0,
            timeout_s=timeout_s, every_s=1.0, clock=op.clock,
        )  # fmt: skip
    except WaitTimeout as error:
        missing = _missing(error.last) if isinstance(error.last, probe.SiteState) else ""
        raise EdgeRefused(
            "FK-6111",
            f"the edge is installed, and after {timeout_s:g} s {missing}",
            hint=f"it goes on trying. See: fogflow-k8s edge check -n {op.namespace}",
            exit_code=30,
        ) from error


def _missing(seen: probe.SiteState) -> str:
    if seen is _SILENT:
        return "the cloud did not answer"
    broker = [] if seen.broker else ["the cloud's discovery does not list its broker"]
    worker = [] if seen.consumers else ["its worker does not listen at the cloud's RabbitMQ"]
    return " and ".join([*broker, *worker])


def _ends(token: Token) -> dict[str, Any]:
    return {"rabbitmq": token.rabbitmq, "discovery": token.discovery, "broker": token.broker}


def _port(values: Mapping[str, Any]) -> int:
    from fogflow_k8s.model.settings.edge import PORT

    return int(((values.get("config") or {}).get("broker") or {}).get("http_port", PORT))
