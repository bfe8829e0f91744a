"""The few questions the sandbox asks its own API server, by the standard library."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import Any, Self

from fogflow_k8s.errors import ClusterError

_TIMEOUT_S = 10.0


class Api:
    """A connection to the API server, as the sandbox's administrator. A context manager."""

    def __init__(self, pki: Path, address: str, port: int) -> None:
        context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        self._connection = http.client.HTTPSConnection(address, port, timeout=_TIMEOUT_S, context=context)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def apply(self, path: str, body: object) -> None:
        """Create or change the object at this path, by server-side apply. Raises ClusterError."""
        self.request(
            "PATCH", f"{path}?fieldManager=fogflow-k8s-sandbox&force=true", body, "application/apply-patch+yaml"
        )

    def request(self, method: str, path: str, body: object = None, content: str = "application/json") -> Any:
        """The answer, parsed when it is JSON. Raises ClusterError with the HTTP status, 0 when there was no answer."""
        headers = {"Accept": "application/json", "Content-Type": content}
        try:
            self._connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = self._connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()  # the next request connects anew
            raise ClusterError(f"the sandbox's API server does not answer: {error}") from error
        if answer.status >= http.client.BAD_REQUEST:
            text = data[:300].decode(errors="replace")
            raise ClusterError(f"{method} {path}: {answer.status} {text}", status=answer.status)
        return json.loads(data) if data[:1] == b"{" else data.decode()

    def ready(self) -> bool:
        """Whether the API server says that it is ready, its bootstrap roles included."""
        try:
            return bool(self.request("GET", "/readyz") == "ok")
        except ClusterError:
            return False

    def ready_nodes(self) -> dict[str, bool]:
        """Whether each node is Ready, by name."""
        return {
            node["metadata"]["name"]: any(
                condition["type"] == "Ready" and condition["status"] == "True"
                for condition in node["status"].get("conditions", [])
            )
            for node in self.request("GET", "/api/v1/nodes")["items"]
        }

    def exists(self, path: str) -> bool:
        """Whether there is an object at this path."""
        try:
            self.request("GET", path)
        except ClusterError as error:
            if error.status == http.client.NOT_FOUND:
                return False
            raise
        return True
