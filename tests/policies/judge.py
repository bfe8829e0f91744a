"""An independent judge of NetworkPolicies, cyclonus, and what it is asked about."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from fogflow_k8s.adapters.process import SystemRunner
from fogflow_k8s.sandbox.toolchain import find_toolchain

ENGINE = Path(__file__).parent / "engine"


@dataclass(frozen=True)
class Peer:
    """One end of a connection: a pod, or an address outside the cluster when it has no namespace."""

    name: str
    role: str
    """What it is in the design: a component's name, task, or one of design.FREE."""
    address: str
    namespace: str = ""
    labels: dict = field(default_factory=dict, hash=False)
    ports: tuple = field(default=(), hash=False)
    """(name, number, protocol) of each port that the pod declares."""

    @property
    def key(self):
        return f"{self.namespace}/{self.name}" if self.namespace else self.address


class Judge:
    """The engine, built into `folder`; compiled code is in Go's own cache."""

    def __init__(self, folder):
        toolchain = find_toolchain(SystemRunner(), (ENGINE / "go.mod").read_text())
        self.program = folder / "policies"
        argv = [toolchain.go, "build", "-mod=readonly", "-trimpath", "-o", self.program, "."]
        env = {**os.environ, **toolchain.env, "CGO_ENABLED": "0", "GOWORK": "off"}
        done = subprocess.run(argv, cwd=ENGINE, env=env, capture_output=True, text=True, timeout=550, check=False)
        assert done.returncode == 0, done.stderr

    def allowed(self, policies, namespaces, flows):
        """Of the flows (source, destination, port, protocol), those that both ends' policies let through.

        `namespaces` are labels by name; every namespace of a peer is in it.
        """
        flows = list(flows)
        pods = {peer.key: peer for source, destination, *_ in flows for peer in (source, destination) if peer.namespace}
        question = {
            "policies": [
                {key: each[key] for key in ("apiVersion", "kind", "metadata", "spec")}
                for each in policies
                if each["kind"] == "NetworkPolicy"
            ],
            "namespaces": namespaces,
            "pods": [
                {
                    "namespace": pod.namespace,
                    "name": pod.name,
                    "labels": pod.labels,
                    "ip": pod.address,
                    "ports": [{"name": n, "port": p, "protocol": protocol} for n, p, protocol in pod.ports],
                }
                for pod in pods.values()
            ],
            "queries": [
                {"from": source.key, "to": destination.key, "port": port, "protocol": protocol}
                for source, destination, port, protocol in flows
            ],
        }
        done = subprocess.run(
            [self.program], input=json.dumps(question), capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        verdicts = json.loads(done.stdout)
        return {flow for flow, said in zip(flows, verdicts, strict=True) if said["egress"] and said["ingress"]}
