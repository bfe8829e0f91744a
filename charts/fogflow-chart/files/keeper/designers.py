"""What the designer's init container does beyond that of other components: restore its database, and wait until others reach it.

Without a volume the designer loses its database with its pod. The keeper has a copy, which `fetch` gets from the keeper's HTTP server.
"""

from __future__ import annotations

import contextlib
import http.client
import secrets
import socket
import time
import urllib.request
from pathlib import Path

FETCH_S = 20.0
"""Time for the keeper to start, when both were lost."""
ARRIVE_S = 5.0
"""Delay of the start in a cluster where a pod cannot reach itself through its Service."""
_TRY_S, _PAUSE_S = 3.0, 1.0
_ACCEPT_S, _RETRY_S = 0.5, 0.05


def fetch(url: str, target: Path, patience_s: float = FETCH_S) -> str:
    """Download `url` into `target` if that file does not exist; an existing file is newer. Returns a line for the log."""
    if target.exists():
        return f"{target} exists"
    end = time.monotonic() + patience_s
    while True:
        try:
            with urllib.request.urlopen(url, timeout=_TRY_S) as answer:  # noqa: S310 - the chart writes http:// only
                if answer.status == http.client.NO_CONTENT:
                    return f"nothing is stored for {target}"
                content = answer.read()
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        except (OSError, http.client.HTTPException) as error:
            if time.monotonic() > end:
                return f"cannot restore {target}, the designer starts empty: {error}"
            time.sleep(_PAUSE_S)
        else:
            return f"restored {target}: {len(content)} bytes"


def arrive(address: str, patience_s: float = ARRIVE_S) -> str:
    """Wait until a connection to the Service at `host:port` reaches this pod. Returns a line for the log.

    The designer replays its intents as soon as it is connected to RabbitMQ, and the master fetches their topologies from the designer
    at once. Nodes learn a new pod's address a moment after the pod has it: the master drops an intent that comes sooner.
    """
    host, _, port = address.rpartition(":")
    start = time.monotonic()
    with _listen(int(port)) as server:
        server.settimeout(_ACCEPT_S)
        while (waited := time.monotonic() - start) < patience_s:
            if _reaches_us(server, host.strip("[]"), int(port)):
                return f"the Service leads to this pod after {waited:.1f} s"
            time.sleep(_RETRY_S)
    return f"unknown whether the Service leads to this pod: it does not reach itself as {host}"


def _listen(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def _reaches_us(server: socket.socket, host: str, port: int) -> bool:
    """Whether what is sent to the Service arrives here; it may also arrive at a pod that is being deleted."""
    mark = secrets.token_bytes(16)
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=_ACCEPT_S) as sent:
        sent.sendall(mark)
        received, _ = server.accept()
        with received:
            received.settimeout(_ACCEPT_S)
            return received.recv(len(mark)) == mark
    return False
