"""What only the designer's gate does: bring back its database, and see that the master will find it."""

from __future__ import annotations

import contextlib
import http.client
import secrets
import socket
import time
import urllib.request
from pathlib import Path

FETCH_S = 20.0
"""For the keeper to come up, when both were lost."""
ARRIVE_S = 5.0
"""Where a pod's way to itself through a Service is barred, this is what it costs."""
_TRY_S, _PAUSE_S = 3.0, 1.0
_HEAR_S, _AGAIN_S = 0.5, 0.05


def fetch(url: str, target: Path, patience_s: float = FETCH_S) -> str:
    """Fill a file that is not there from `url`; what came of it. A file that is there is newer, and stays."""
    if target.exists():
        return f"{target} is there"
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
                return f"{target} is not put back, it starts empty: {error}"
            time.sleep(_PAUSE_S)
        else:
            return f"{target} is put back: {len(content)} bytes"


def arrive(address: str, patience_s: float = ARRIVE_S) -> str:
    """Wait until a connection to the Service at `host:port` comes to this very pod; what came of it.

    The designer replays its intents as soon as it is on the bus, and the master asks for their topologies at once. The nodes
    learn of a new pod's address a moment after it has one: an intent that comes sooner is lost.
    """
    host, _, port = address.rpartition(":")
    start = time.monotonic()
    with _listen(int(port)) as server:
        server.settimeout(_HEAR_S)
        while (waited := time.monotonic() - start) < patience_s:
            if _comes(server, host.strip("[]"), int(port)):
                return f"others find this pod after {waited:.1f} s"
            time.sleep(_AGAIN_S)
    return f"nobody can tell whether others find this pod: it does not reach itself as {host}"


def _listen(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def _comes(server: socket.socket, host: str, port: int) -> bool:
    """Whether what is sent to the Service is heard here; a pod that is about to end may hear it, too."""
    mark = secrets.token_bytes(16)
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=_HEAR_S) as sent:
        sent.sendall(mark)
        heard, _ = server.accept()
        with heard:
            heard.settimeout(_HEAR_S)
            return heard.recv(len(mark)) == mark
    return False
