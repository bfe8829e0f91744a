"""HTTP clients of FogFlow's programs: the designer, which stores functions, and the broker, which stores entities.

The commands that run tasks reach both through forwarded ports of this machine. A client reuses one connection,
because kubectl prints a line for every new connection through a forwarded port.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from fogflow_k8s.errors import ClusterError

TIMEOUT_S = 15.0
_IDLE_S = 2.0  # the designer (Node.js) closes a connection after 5 s without requests
_GONE = (http.client.NOT_FOUND, http.client.GONE)


class HttpApi:
    """A client of one program behind a local port. Every method raises ClusterError."""

    def __init__(self, program: str, port: int, *, timeout_s: float = TIMEOUT_S) -> None:
        self.program = program
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
        self._last_used_s = 0.0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def call(self, method: str, path: str, body: Any = None, *, missing_ok: bool = False) -> Any:
        """Send a request; return the parsed JSON, or None when the answer is not JSON. With `missing_ok`, None for 404 and 410."""
        if time.monotonic() - self._last_used_s > _IDLE_S:
            self._connection.close()
        data = None if body is None else json.dumps(body).encode()
        try:
            self._connection.request(
                method, path, data, {"Content-Type": "application/json", "Accept": "application/json"}
            )
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise ClusterError(
                f"the {self.program} did not answer {method} {path}: {str(error) or type(error).__name__}",
                hint=f"fogflow-k8s status; fogflow-k8s logs {self.program}",
            ) from error
        self._last_used_s = time.monotonic()
        if missing_ok and answer.status in _GONE:
            return None
        if answer.status >= http.client.MULTIPLE_CHOICES:
            text = content.decode(errors="replace").strip()[:200]
            raise ClusterError(
                f"the {self.program} answered {answer.status} to {method} {path}: {text}",
                hint=f"fogflow-k8s logs {self.program}",
                status=answer.status,
            )
        try:
            return json.loads(content)
        except ValueError:
            return None


class Designer(HttpApi):
    """The designer's API: what a user does on the dashboard."""

    def functions(self) -> dict[str, dict[str, Any]]:
        """Return all fog functions by name."""
        found = self.call("GET", "/fogfunction")
        return found if isinstance(found, dict) else {str(each.get("name")): each for each in found or []}

    def intents(self) -> Any:
        """Return all intents of service topologies."""
        return self.call("GET", "/intent", missing_ok=True) or {}

    def add_operator(self, operator: Mapping[str, Any]) -> None:
        """Store an operator, replacing one of the same name."""
        self.call("POST", "/operator", [operator])

    def add_function(self, function: Mapping[str, Any]) -> None:
        """Store a function and notify the master, replacing one of the same name."""
        self.call("POST", "/fogfunction", [function])

    def remove_function(self, name: str) -> None:
        """Remove a function and notify the master; no error when it does not exist."""
        self.call("DELETE", f"/fogfunction/{quote(name, safe='')}", missing_ok=True)

    def remove_operator(self, name: str) -> None:
        """Remove an operator; no error when it does not exist. The designer refuses while a function uses it."""
        self.call("DELETE", f"/operator/{quote(name, safe='')}", missing_ok=True)


class Broker(HttpApi):
    """The broker's NGSI API: what a device does.

    A request has one element: the broker starts a goroutine per element of an updateContext, and all of them share one
    variable, so a second element next to one with a subscriber can crash the broker.
    """

    def update(self, elements: Iterable[Mapping[str, Any]]) -> None:
        """Publish entities, one request each."""
        self._each("UPDATE", elements)

    def delete(self, entities: Iterable[Mapping[str, Any]]) -> None:
        """Remove entities, one request each."""
        self._each("DELETE", ({"entityId": dict(each)} for each in entities))

    def _each(self, action: str, elements: Iterable[Mapping[str, Any]]) -> None:
        for element in elements:
            self.call("POST", "/ngsi10/updateContext", {"contextElements": [element], "updateAction": action})

    def query(self, entities: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the current entities, from all brokers."""
        found = self.call("POST", "/ngsi10/queryContext", {"entities": list(entities)}) or {}
        return [each["contextElement"] for each in found.get("contextResponses") or [] if each.get("contextElement")]
