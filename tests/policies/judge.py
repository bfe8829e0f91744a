"""An independent judge of NetworkPolicies, cyclonus, and what it is asked about."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.go_tools import built

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
    """The engine."""

    def __init__(self):  # tests/real/test_policies.py passes one
        self.program = built(ENGINE, ".") / "policies"

    def allowed(self, policies, namespaces, flows):
        """Of the flows (source, destination, port, protocol), those that both ends' policies let through.

        `namespaces` are labels by name; every namespace of a peer is in it.
        """
        (found,) = self.allowed_by_each([policies], namespaces, flows)
        return found

    def allowed_by_each(self, sets, namespaces, flows):
        """As `allowed`, for each of several sets of policies."""
        flows = list(flows)
        pods = {peer.key: peer for source, destination, *_ in flows for peer in (source, destination) if peer.namespace}
        question = {
            "policies": [
                [
                    {key: each[key] for key in ("apiVersion", "kind", "metadata", "spec")}
                    for each in policies
                    if each["kind"] == "NetworkPolicy"
                ]
                for policies in sets
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
        answers = json.loads(done.stdout)
        assert len(answers) == len(question["policies"])
        return [{flow for flow, digit in zip(flows, each, strict=True) if digit == "1"} for each in answers]
