"""`edge check` and `edge leave`: whether an edge and its cloud reach each other, and the removal of an edge.

The keeper of the edge makes the check: it publishes at the cloud and waits for the cloud's notification at the edge's broker.
"""

from __future__ import annotations

from dataclasses import dataclass

from fogflow_k8s.actions.edge import join
from fogflow_k8s.actions.observe import status
from fogflow_k8s.actions.observe.verify import PORT, Proof, Step, ask
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.release import uninstall
from fogflow_k8s.adapters.kubernetes.kubectl import Kubectl
from fogflow_k8s.errors import FogflowError, UsageError
from fogflow_k8s.model.edge.sites import config_of

INBOUND = "cloud -> edge"


@dataclass(frozen=True)
class ConnectivityReport:
    """The result of the keeper's check of the connections from the edge to its cloud and back."""

    proof: Proof
    site: str
    url: str
    """The URL at which the cloud calls the edge's broker."""
    connectivity: str

    @property
    def inbound(self) -> bool:
        """Whether the cloud reaches the edge."""
        return any(step.ok for step in self.proof.steps if step.name.startswith(INBOUND))

    @property
    def outbound(self) -> bool:
        """Whether the edge reaches the cloud."""
        return all(step.ok for step in self.proof.steps if not step.name.startswith(INBOUND))

    @property
    def verdict(self) -> str:
        """The result in one sentence."""
        if self.inbound:
            how = "through an overlay network" if self.connectivity == "overlay" else "directly"
            return f"{self.connectivity}: edge and cloud reach each other {how}"
        if not self.outbound:
            return "the edge does not reach its cloud, so the way back cannot be checked"
        return (
            f"no inbound path: the cloud does not reach {self.url}, because of NAT or a firewall. Tasks start here, but receive "
            "no data. Forward that port to this edge, or join through a VPN (--connectivity overlay)"
        )


def check(op: Operation, kubectl: Kubectl) -> ConnectivityReport:
    """Let the edge's keeper check both directions. Raises NotInstalled, UsageError, ClusterError, FogflowError."""
    found = status.stored(op)
    if found is None:
        raise status.not_installed(op)
    config = config_of(found.objects, "edge-broker")
    if not config:
        raise UsageError(
            f"release {op.release} in namespace {op.namespace} is not an edge", hint="for a cloud: fogflow-k8s verify"
        )
    if op.simulated:
        raise FogflowError(status.WHY_SIMULATED, hint="fogflow-k8s sandbox up --real", exit_code=40)
    with kubectl.forward("deployment/keeper", PORT) as port:
        steps = tuple(Step(s["name"], s["ok"], s["why"], s["ms"]) for s in ask(port)["steps"])
    url = f"http://{config['my_hostip']}:{config['broker']['http_port']}"
    annotations = join.join_annotations(found.objects)
    return ConnectivityReport(Proof(steps), str(config["site_id"]), url, annotations.get(join.CONNECTIVITY, "direct"))


def leave(op: Operation, *, timeout_s: float) -> str:
    """Remove the edge with its tasks and its login: its site id. Raises UsageError, Busy, OperationFailed.

    Its user at the cloud's RabbitMQ remains: only `edge remove` at the cloud can delete it.
    """
    found = status.installed(op)
    if found is None:
        return ""
    config = config_of(found.objects, "edge-broker")
    if not config:
        raise UsageError(
            f"release {op.release} in namespace {op.namespace} is not an edge",
            hint="for a cloud: fogflow-k8s uninstall",
        )
    uninstall.uninstall(op, delete_data=False, timeout_s=timeout_s)
    op.cluster.delete("Secret", join.SECRET, op.namespace)
    return str(config["site_id"])
