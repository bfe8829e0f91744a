"""The documents of `explain`, `version` and `sandbox status`."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from fogflow_k8s.console.schema.common import Classified, Document


class Explanation(Classified):
    """An entry of the catalogue."""

    id: str
    """Id, as FK-4001."""
    title: str
    """The problem in a few words."""
    explanation: str
    """Why it happens, and what it means."""
    remedy: list[str]
    """What to do. Words in capitals are placeholders."""


class Explain(Document):
    """What `explain` prints."""

    kind: Literal["Explain"]
    """Kind of this document."""
    explanations: list[Explanation]
    """The requested entry, or all of them."""


class Versions(TypedDict):
    """Versions; null when one is not available."""

    tool: str
    """Version of fogflow-k8s."""
    chart: str
    """Version of the chart that it installs."""
    fogflow: str
    """Version of FogFlow in that chart."""
    helm: str | None
    """Version of the helm program."""
    kubernetes: str | None
    """Version of the API server."""


class Version(Document):
    """What `version` prints."""

    kind: Literal["Version"]
    """Kind of this document."""
    versions: Versions
    """Version of each program."""
    errors: list[str]
    """Why a version is not available."""


class SandboxStatus(Document):
    """What `sandbox status` prints."""

    kind: Literal["SandboxStatus"]
    """Kind of this document."""
    name: str
    """Name of the sandbox."""
    state: str
    """absent, running, degraded (a program is dead, or a node is not ready) or stopped (nothing runs)."""
    simulated: bool
    """Whether its nodes are simulated: no container runs."""
    context: str
    """Context of the kubeconfig."""
    server: str | None
    """URL of the API server."""
    kubeconfig: str | None
    """Path of its own kubeconfig file."""
    daemons: dict[str, bool]
    """Each program, and whether it runs."""
    nodes: dict[str, bool]
    """Each node, and whether it is ready."""
    poweredOff: list[str]
    """Nodes that `sandbox node stop` stopped, and the programs that went with them."""
