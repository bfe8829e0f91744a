"""FogFlow's own HTTP: the designer, which is told of functions, and the broker, which is told of entities.

One connection at a time is kept: every one that passes a forwarded port makes kubectl write a line.
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
_IDLE_S = 2.0  # Node closes a connection that was idle for 5 s
_GONE = (http.client.NOT_FOUND, http.client.GONE)


class Api:
    """One program behind a port of this machine. Everything raises ClusterError."""

    def __init__(self, who: str, port: int, *, timeout_s: float = TIMEOUT_S) -> None:
        self.who = who
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
        self._used = 0.0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def call(self, method: str, path: str, body: Any = None, *, absent: bool = False) -> Any:
        """The answer: parsed where it is JSON, else None. With `absent`, None for what is not there, too."""
        if time.monotonic() - self._used > _IDLE_S:
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
                f"the {self.who} gave no answer to {method} {path}: {str(error) or type(error).__name__}",
                hint=f"fogflow-k8s status; fogflow-k8s logs {self.who}",
            ) from error
        self._used = time.monotonic()
        if absent and answer.status in _GONE:
            return None
        if answer.status >= http.client.MULTIPLE_CHOICES:
            said = content.decode(errors="replace").strip()[:200]
            raise ClusterError(
                f"the {self.who} answered {answer.status} to {method} {path}: {said}",
                hint=f"fogflow-k8s logs {self.who}",
                status=answer.status,
            )
        try:
            return json.loads(content)
        except ValueError:
            return None


class Designer(Api):
    """What people do on the dashboard."""

    def functions(self) -> dict[str, dict[str, Any]]:
        """Every fog function by name."""
        found = self.call("GET", "/fogfunction")
        return found if isinstance(found, dict) else {str(each.get("name")): each for each in found or []}

    def intents(self) -> Any:
        """Every intent of a service topology."""
        return self.call("GET", "/intent", absent=True) or {}

    def add_operator(self, operator: Mapping[str, Any]) -> None:
        """Store an operator; one of the same name is replaced."""
        self.call("POST", "/operator", [operator])

    def add_function(self, function: Mapping[str, Any]) -> None:
        """Store a function and tell the master; one of the same name is replaced."""
        self.call("POST", "/fogfunction", [function])

    def remove_function(self, name: str) -> None:
        """Remove a function and tell the master; gone is gone."""
        self.call("DELETE", f"/fogfunction/{quote(name, safe='')}", absent=True)

    def remove_operator(self, name: str) -> None:
        """Remove an operator; gone is gone. The designer refuses while a function uses it."""
        self.call("DELETE", f"/operator/{quote(name, safe='')}", absent=True)


class Broker(Api):
    """What devices do.

    One element per request: the broker starts a goroutine per element of an updateContext, and all of them share one variable,
    so a second element beside one that has a subscriber can end its process.
    """

    def update(self, elements: Iterable[Mapping[str, Any]]) -> None:
        """Publish entities, one after the other."""
        self._each("UPDATE", elements)

    def delete(self, entities: Iterable[Mapping[str, Any]]) -> None:
        """Remove entities, one after the other."""
        self._each("DELETE", ({"entityId": dict(each)} for each in entities))

    def _each(self, action: str, elements: Iterable[Mapping[str, Any]]) -> None:
        for element in elements:
            self.call("POST", "/ngsi10/updateContext", {"contextElements": [element], "updateAction": action})

    def query(self, entities: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The entities as they are now, wherever in the cell they are."""
        found = self.call("POST", "/ngsi10/queryContext", {"entities": list(entities)}) or {}
        return [each["contextElement"] for each in found.get("contextResponses") or [] if each.get("contextElement")]
