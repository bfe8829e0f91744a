"""The known secrets of a release: the values that every output masks, wherever they occur.

They are read from the Secrets in the release's namespaces, and from variables of workloads whose names say that they hold a
password. Where the Secrets cannot be read, the redactor masks by patterns alone, and `SecretMask.why` says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fogflow_k8s.adapters.kubernetes.client import Cluster
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model.redaction.redactor import Redactor
from fogflow_k8s.model.redaction.secret_values import forms_of

NOT_HELMS = "type!=helm.sh/release.v1"  # Helm's release records are large and hold no further secrets


@dataclass(frozen=True)
class SecretMask:
    """A redactor, and the Secrets whose values it masks. `why`: the reason why they could not be read; then it only knows patterns."""

    redactor: Redactor
    secrets: Sequence[Mapping[str, Any]] = ()
    why: str = ""


def secret_mask(
    cluster: Cluster, release: str, namespaces: Sequence[str], *, also: Sequence[Mapping[str, Any]] = ()
) -> SecretMask:
    """The mask for the secrets in the namespaces, of which the first is the release's own.

    `also` are further Secrets to mask. A Secret or workload that the API server does not show is left out.
    """
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
        except ClusterError:  # the collector of these objects reports the error
            continue
    return SecretMask(Redactor(forms_of([*found, *also], public=(release, *namespaces))), secrets, why)
