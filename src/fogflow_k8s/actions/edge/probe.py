"""What an edge can find out about its cloud without any right there: ports, login, clock, and whether its site is taken."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import UTC, datetime

from fogflow_k8s.adapters.fogflow.amqp import AmqpError, LoginRefused, Session
from fogflow_k8s.adapters.fogflow.probe import Unreachable, get
from fogflow_k8s.errors import EdgeRefused
from fogflow_k8s.model.edge.token import Endpoint, Token, mark_of, queues_of

TIMEOUT_S = 10.0
"""A bad link answers late; a policy that drops never does."""
CLOCK_S = 60.0
"""More than any link needs for an answer; certificates and Leases suffer from more."""
_PORTS = 3  # RabbitMQ, discovery, broker
_NEW = "at the cloud: fogflow-k8s edge token create --site {site} --external-ip {host}"


@dataclass(frozen=True)
class SiteState:
    """What the cloud knows of a site."""

    broker: bool
    """Discovery lists it."""
    consumers: int
    """Of the queues of its worker."""
    marked: bool
    """Somebody has joined with this very token."""


def look(token: Token, *, timeout_s: float = TIMEOUT_S) -> SiteState:
    """What the cloud knows of the token's site. Raises Unreachable, AmqpError, OSError."""
    brokers = get(f"http://{token.discovery}/ngsi9/broker", timeout_s=timeout_s).content
    with _log_in(token, timeout_s) as session:
        counts = [session.consumers(queue) or 0 for queue in queues_of(token.site)]
        marked = session.consumers(mark_of(token.site, token.id)) is not None
    return SiteState(f"Broker.{token.site}" in _ids(brokers), sum(counts), marked)


def mark(token: Token) -> bool:
    """Note at the cloud that the token was used, by a queue without messages. False: it was used already. Raises OSError.

    Of two that use it at the same moment, one gets True.
    """
    with _log_in(token, TIMEOUT_S) as session:
        return session.claim(mark_of(token.site, token.id))


def require(token: Token, now: datetime, *, ours: bool, timeout_s: float = TIMEOUT_S) -> None:
    """Everything that can be known to be wrong before anything is changed. Raises EdgeRefused.

    `ours`: this edge has joined with this token before, so what the cloud knows of the site is this edge. Expiry counts for
    joining, not for staying.
    """
    closed, date = _ports(token, timeout_s)
    if closed and not ours and now.timestamp() > token.expires:  # a cloud that moved on, most likely
        raise _expired(token, now)
    if closed:
        raise EdgeRefused(
            "FK-6105",
            "the cloud cannot be reached from here: " + "; ".join(closed) + _local(token, len(closed)),
            hint="nothing was changed. At the cloud, let this edge in: --set networkPolicy.edges.cidrs={ADDRESS/32}; and see on which nodes "
            "the pods run: kubectl get pods -o wide -n NAMESPACE",
        )
    if date and abs((now - date).total_seconds()) > CLOCK_S:
        raise EdgeRefused(
            "FK-6106",
            f"this machine's clock is {_away(now, date)} the cloud's: {now:%Y-%m-%d %H:%M:%S} here, {date:%Y-%m-%d %H:%M:%S} there (UTC)",
            hint="nothing was changed. Set it: timedatectl set-ntp true",
        )
    if ours:
        return
    if (date or now).timestamp() > token.expires:
        raise _expired(token, date or now)
    _require_free(token, timeout_s)


def _ports(token: Token, timeout_s: float) -> tuple[list[str], datetime | None]:
    """Every port that does not do its work, in words; and discovery's clock. Raises EdgeRefused for a refused login."""
    closed, date = [], None
    try:
        with _log_in(token, timeout_s):
            pass
    except LoginRefused as error:
        raise EdgeRefused(
            "FK-6104",
            f"RabbitMQ at {token.rabbitmq} refuses the token's login: it was withdrawn, or has expired and was cleared away ({error})",
            hint=_new(token),
        ) from error
    except OSError as error:
        closed.append(_closed("RabbitMQ", token.rabbitmq, error))
    for name, end, path in (("discovery", token.discovery, "/ngsi9/status"), ("broker", token.broker, "/version")):
        try:
            answer = get(f"http://{end}{path}", timeout_s=timeout_s)
        except Unreachable as error:
            closed.append(_closed(name, end, error))
        else:
            date = date or answer.date
    return closed, date.astimezone(UTC) if date else None


def _local(token: Token, closed: int) -> str:
    """How the cloud's Services for edges may be the reason: they keep the edge's address, and so lead to no other node."""
    if closed == _PORTS:
        how = "It may also be that none of them runs"
    else:  # the policies let an edge in at all ports, or at none
        how = "The other ports answer, so its pod most likely does not run"
    return (
        f". {how} on the node with address {token.rabbitmq.host}: the cloud's Services for edges have externalTrafficPolicy Local, and a "
        "node answers only for the pods that it runs. Bring RabbitMQ, discovery and broker to that node (nodeSelector), or expose them by "
        "expose.edge.type loadBalancer"
    )


def _require_free(token: Token, timeout_s: float) -> None:
    try:
        seen = look(token, timeout_s=timeout_s)
    except (AmqpError, OSError) as error:
        raise EdgeRefused(
            "FK-6105", f"the cloud cannot be asked about site {token.site}: {error}", hint="try again"
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
            hint="nothing was changed. Give this edge a site id of its own; or, if the other one is gone for good, at the cloud: "
            f"fogflow-k8s edge remove {token.site}",
        )
    if seen.marked:
        raise EdgeRefused(
            "FK-6104", "this token was used already, by another cluster or installation", hint=_new(token)
        )


def _log_in(token: Token, timeout_s: float) -> Session:
    end = token.rabbitmq
    return Session(end.host, end.port, token.user, token.password, timeout_s=timeout_s)


def _ids(brokers: object) -> set[str]:
    """The ids in discovery's list, which is a mapping by id, or a list."""
    if isinstance(brokers, dict):
        return {str(key) for key in brokers}
    each = brokers if isinstance(brokers, list) else []
    return {str(one.get("id")) for one in each if isinstance(one, dict)}


def _closed(name: str, end: Endpoint, error: OSError) -> str:
    if isinstance(error, TimeoutError):
        why = "no answer in time"
    elif isinstance(error, socket.gaierror):
        why = "its name does not resolve"
    else:
        why = (error.strerror or str(error)).lower()
    return f"{name} {end}: {why}"


def _expired(token: Token, now: datetime) -> EdgeRefused:
    ago = max(now.timestamp() - token.expires, 0)
    return EdgeRefused("FK-6101", f"the token for site {token.site} expired {ago / 60:.0f} min ago", hint=_new(token))


def _new(token: Token) -> str:
    return "nothing was changed. A new one " + _NEW.format(site=token.site, host=token.rabbitmq.host)


def _away(now: datetime, date: datetime) -> str:
    seconds = (now - date).total_seconds()
    return f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'}"
