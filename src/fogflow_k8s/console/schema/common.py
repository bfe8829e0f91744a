"""Types that several documents share, and the document of an error."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict  # of pydantic, which accepts typing's own only since Python 3.12

from fogflow_k8s.engine.checks import State as CheckState
from fogflow_k8s.model.diagnosis.catalogue.entry import Kind as Class


class Document(TypedDict):
    """What every document begins with; `kind` follows in each."""

    apiVersion: Literal["fogflow-k8s/v1"]
    """Version of the document's form. Within a version, keys are only added."""


class ReleaseName(TypedDict):
    """A Helm release."""

    name: str
    """Name of the Helm release."""
    namespace: str
    """Namespace of the release."""


class Context(TypedDict):
    """The cluster that was asked."""

    context: str
    """Context of the kubeconfig."""


class Server(Context):
    """The cluster that was asked."""

    server: str
    """URL of the API server."""


Classified = TypedDict(
    "Classified",
    {
        "class": Annotated[
            Class,
            Field(
                description="permanent: waiting does not help. transient: it may resolve by itself. blocked: another "
                "component is the cause."
            ),
        ]
    },
)


class Cause(Classified):
    """Why something is not as it should be."""

    id: str
    """Id of the catalogue, as FK-4001. Its meaning never changes; `fogflow-k8s explain ID` prints it."""
    component: str
    """Component that it was found on, or a word like `release` or `tasks`."""
    object: str
    """Kubernetes object that it was found on, as kind/name."""
    summary: str
    """One sentence with the names of the affected objects."""
    evidence: list[str]
    """What Kubernetes or a program reported, one line each."""
    remedy: list[str]
    """What to do: commands or instructions, the first one first."""


class Check(TypedDict):
    """One check and its result."""

    id: str
    """Id of the check, as --suppress takes it."""
    category: str | None
    """Group that the check is listed under."""
    description: str
    """What the check asserts."""
    state: CheckState
    """Result. skipped: it could not be determined, or was not asked for."""
    detail: str | None
    """What the check found."""
    remedy: list[str]
    """What to do about it."""


class Step(TypedDict):
    """One step of a test."""

    name: str
    """What was tested."""
    ok: bool
    """Whether it works."""
    detail: str | None
    """Why it does not work."""
    durationSeconds: float
    """How long the step took, in seconds."""


class Failure(TypedDict):
    """Why a command ended without a result."""

    message: str
    """What failed, on which object, and why."""
    remedy: list[str]
    """What to do: usually a command."""
    causeId: str | None
    """Id of the catalogue, when it has an entry: `fogflow-k8s explain ID`."""
    manifest: str | None
    """When rights are missing: YAML that an administrator applies to grant them."""


class Error(Document):
    """What any command prints that ended with an error instead of a result."""

    kind: Literal["Error"]
    """Kind of this document."""
    error: Failure
    """What failed."""
    exitCode: int
    """Exit code of the process; docs/cli.md lists them."""
