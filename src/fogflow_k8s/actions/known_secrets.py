"""What is secret about a release, as far as we may know: read from the cluster, to be masked by value wherever it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.adapters.kubernetes.client import Cluster
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model.redaction.redactor import Redactor
from fogflow_k8s.model.redaction.secret_values import forms_of

NOT_HELMS = "type!=helm.sh/release.v1"  # its records are large, and hold no secret of their own


@dataclass(frozen=True)
class SecretMask:
    """A redactor, the Secrets it knows, and why it does not know them (patterns alone must do then)."""

    redactor: Redactor
    secrets: Sequence[Mapping[str, Any]] = ()
    why: str = ""


def known(
    cluster: Cluster, release: str, namespaces: Sequence[str], *, also: Sequence[Mapping[str, Any]] = ()
) -> SecretMask:
    """Everything secret in the namespaces, the release's own first: Secrets (and those given), and variables called a password."""
    found: list[Mapping[str, Any]] = []
    why = ""
    for namespace in namespaces:
        try:
            found += cluster.list("Secret", namespace, fields=NOT_HELMS)
        except ClusterError as error:
            why = why or (error.message if namespace == namespaces[0] else "")
    secrets = tuple(found)
    for kind in ("Deployment", "StatefulSet"):
        try:
            found += cluster.list(kind, namespaces[0])
        except ClusterError:  # said by whoever collects them
            continue
    return SecretMask(Redactor(forms_of([*found, *also], public=(release, *namespaces))), secrets, why)
