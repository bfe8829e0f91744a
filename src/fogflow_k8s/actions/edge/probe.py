"""The checks of a cloud before a join, made from this machine: ports, login, clock, and whether the site is free.

They need no permission in the cloud's cluster: only the endpoints and the RabbitMQ login of the token.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import UTC, datetime

from fogflow_k8s.adapters.fogflow.amqp import AmqpError, LoginRefused, Session
from fogflow_k8s.adapters.fogflow.probe import Unreachable, get
from fogflow_k8s.errors import EdgeRefused
from fogflow_k8s.model.edge.token import Endpoint, Token, mark_of, queues_of

TIMEOUT_S = 10.0
"""A slow connection answers late; a policy that drops packets never answers."""
CLOCK_S = 60.0
"""No connection takes this long to answer; certificates and Leases fail with a larger difference."""
_PORTS = 3  # RabbitMQ, discovery, broker
_NEW = "at the cloud: fogflow-k8s edge token create --site {site} --external-ip {host}"


@dataclass(frozen=True)
class SiteState:
    """The state of a site at the cloud."""

    broker: bool
    """Discovery lists the site's broker."""
    consumers: int
    """The number of consumers of the worker's queues."""
    marked: bool
    """This token has been used to join."""


def site_state(token: Token, *, timeout_s: float = TIMEOUT_S) -> SiteState:
    """The state of the token's site at the cloud. Raises Unreachable, AmqpError, OSError."""
    brokers = get(f"http://{token.discovery}/ngsi9/broker", timeout_s=timeout_s).content
    with _log_in(token, timeout_s) as session:
        counts = [session.consumers(queue) or 0 for queue in queues_of(token.site)]
        marked = session.consumers(mark_of(token.site, token.id)) is not None
    return SiteState(f"Broker.{token.site}" in _ids(brokers), sum(counts), marked)


def mark_used(token: Token) -> bool:
    """Mark the token as used, with an empty queue at the cloud. False: it was used before. Raises OSError.

    Of two edges that use it at the same moment, only one gets True.
    """
    with _log_in(token, TIMEOUT_S) as session:
        return session.claim(mark_of(token.site, token.id))


def require(token: Token, now: datetime, *, ours: bool, timeout_s: float = TIMEOUT_S) -> None:
    """Make sure that the edge can join, before anything is changed. Raises EdgeRefused.

    `ours`: this edge has joined with this token before, so the broker and consumers of the site are its own. A token may
    expire after its edge has joined.
    """
    closed, date = _ports(token, timeout_s)
    if closed and not ours and now.timestamp() > token.expires:  # the cloud has most likely another address by now
        raise _expired(token, now)
    if closed:
        raise EdgeRefused(
            "FK-6105",
            "the cloud cannot be reached from here: " + "; ".join(closed) + _local(token, len(closed)),
            hint="nothing was changed. At the cloud, admit this edge: --set networkPolicy.edges.cidrs={ADDRESS/32}; and check on which "
            "nodes the pods run: kubectl get pods -o wide -n NAMESPACE",
        )
    if date and abs((now - date).total_seconds()) > CLOCK_S:
        raise EdgeRefused(
            "FK-6106",
            f"this machine's clock is {_difference(now, date)} the cloud's: {now:%Y-%m-%d %H:%M:%S} here, {date:%Y-%m-%d %H:%M:%S} there (UTC)",
            hint="nothing was changed. Synchronise it: timedatectl set-ntp true",
        )
    if ours:
        return
    if (date or now).timestamp() > token.expires:
        raise _expired(token, date or now)
    _require_free(token, timeout_s)


def _ports(token: Token, timeout_s: float) -> tuple[list[str], datetime | None]:
    """The endpoints that do not answer, described; and the time of discovery's clock. Raises EdgeRefused for a refused login."""
    closed, date = [], None
    try:
        with _log_in(token, timeout_s):
            pass
    except LoginRefused as error:
        raise EdgeRefused(
            "FK-6104",
            f"RabbitMQ at {token.rabbitmq} refuses the token's login: the token was revoked, or has expired and was removed ({error})",
            hint=_new_token_hint(token),
        ) from error
    except OSError as error:
        closed.append(_why_closed("RabbitMQ", token.rabbitmq, error))
    for name, end, path in (("discovery", token.discovery, "/ngsi9/status"), ("broker", token.broker, "/version")):
        try:
            answer = get(f"http://{end}{path}", timeout_s=timeout_s)
        except Unreachable as error:
            closed.append(_why_closed(name, end, error))
        else:
            date = date or answer.date
    return closed, date.astimezone(UTC) if date else None


def _local(token: Token, closed: int) -> str:
    """How the cloud's Services for edges may be the reason: to keep the edge's address they forward to pods of one node only."""
    if closed == _PORTS:
        how = "Possibly none of their pods runs"
    else:  # the policies admit an edge to all ports, or to none
        how = "The other ports answer, so its pod most likely does not run"
    return (
        f". {how} on the node with address {token.rabbitmq.host}: the cloud's Services for edges have externalTrafficPolicy Local, so a "
        "node answers only for the pods that it runs. Schedule RabbitMQ, discovery and broker on that node (nodeSelector), or use "
        "expose.edge.type=loadBalancer"
    )


def _require_free(token: Token, timeout_s: float) -> None:
    try:
        seen = site_state(token, timeout_s=timeout_s)
    except (AmqpError, OSError) as error:
        raise EdgeRefused(
            "FK-6105", f"cannot read the state of site {token.site} at the cloud: {error}", hint="run the command again"
        ) from error
    if seen.broker or seen.consumers:
        proof = " and ".join(
            [
                *(["discovery lists its broker"] if seen.broker else []),
                *(["its worker's queue has a consumer"] if seen.consumers else []),
            ]
        )
        raise EdgeRefused(
            "FK-6107",
            f"site {token.site} is already joined: {proof}",
            hint="nothing was changed. Give this edge another site id; or, if the other edge no longer exists, run at the cloud: "
            f"fogflow-k8s edge remove {token.site}",
        )
    if seen.marked:
        raise EdgeRefused(
            "FK-6104", "this token was used already, by another cluster or installation", hint=_new_token_hint(token)
        )


def _log_in(token: Token, timeout_s: float) -> Session:
    end = token.rabbitmq
    return Session(end.host, end.port, token.user, token.password, timeout_s=timeout_s)


def _ids(brokers: object) -> set[str]:
    """The ids of the brokers in discovery's answer, which is a mapping by id or a list."""
    if isinstance(brokers, dict):
        return {str(key) for key in brokers}
    each = brokers if isinstance(brokers, list) else []
    return {str(one.get("id")) for one in each if isinstance(one, dict)}


def _why_closed(name: str, end: Endpoint, error: OSError) -> str:
    if isinstance(error, TimeoutError):
        why = "no answer in time"
    elif isinstance(error, socket.gaierror):
        why = "its name does not resolve"
    else:
        why = (error.strerror or str(error)).lower()
    return f"{name} {end}: {why}"


def _expired(token: Token, now: datetime) -> EdgeRefused:
    ago = max(now.timestamp() - token.expires, 0)
    return EdgeRefused(
        "FK-6101", f"the token for site {token.site} expired {ago / 60:.0f} min ago", hint=_new_token_hint(token)
    )


def _new_token_hint(token: Token) -> str:
    return "nothing was changed. Create a new token " + _NEW.format(site=token.site, host=token.rabbitmq.host)


def _difference(now: datetime, date: datetime) -> str:
    seconds = (now - date).total_seconds()
    return f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'}"
