"""The probes of a container: what the kubelet requests, and for how long after the start a failure has no consequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fogflow_k8s.model.diagnosis.pod_status import container_spec
from fogflow_k8s.model.kubernetes import Obj


@dataclass(frozen=True)
class Probe:
    """One probe of a container. `spec` is that of the pod, empty when the container has no such probe."""

    kind: str  # startup, liveness or readiness
    spec: Obj
    ports: Mapping[str, Any]  # the container's ports by name

    @property
    def grace_s(self) -> int:
        """Seconds after the container's start in which a failure has no consequence (with the API's defaults 0, 10, 3)."""
        numbers = (self.spec.get(key) for key in ("initialDelaySeconds", "periodSeconds", "failureThreshold"))
        delay, period, failures = (int(n or default) for n, default in zip(numbers, (0, 10, 3), strict=True))
        return delay + period * failures

    def until(self, started: str) -> str:
        """When that grace ends, for a container that started at that time; "" when the time cannot be read."""
        try:
            end = datetime.fromisoformat(started) + timedelta(seconds=self.grace_s)
        except ValueError:
            return ""
        return f"{end:%H:%M:%S} UTC" if end.tzinfo else ""

    def __str__(self) -> str:
        if http := self.spec.get("httpGet"):
            return f"GET {http.get('path', '/')} on port {self._port(http.get('port'))}"
        if tcp := self.spec.get("tcpSocket"):
            return f"TCP connect to port {self._port(tcp.get('port'))}"
        if grpc := self.spec.get("grpc"):
            return f"gRPC health on port {grpc.get('port')}"
        command = (self.spec.get("exec") or {}).get("command")
        return f"command {' '.join(map(str, command))}"[:80] if command else "its command"

    def _port(self, port: Any) -> Any:
        number = self.ports.get(str(port))
        return f"{number} ({port})" if number else port


def probe_of(pod: Obj, container: str, kind: str) -> Probe:
    """The container's probe of that kind."""
    spec = container_spec(pod, container)
    ports = {str(p["name"]): p.get("containerPort") for p in spec.get("ports") or [] if p.get("name")}
    return Probe(kind, spec.get(f"{kind}Probe") or {}, ports)
