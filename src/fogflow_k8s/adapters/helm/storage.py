"""Read releases as Helm stores them in Kubernetes: the content of `helm history` and `helm get manifest`, without helm.

Helm keeps every revision as one object `sh.helm.release.v1.NAME.vN` in the release's namespace, with the labels
owner=helm, name, version and status. It is a Secret by default, a ConfigMap with HELM_DRIVER=configmap. Its key
`release` holds the revision's JSON, gzipped and base64-encoded; in a Secret, Kubernetes encodes that text as base64
once more. The format is defined by Helm's pkg/storage/driver and is the same in Helm 3 and Helm 4.
"""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fogflow_k8s.adapters.kubernetes.client import Cluster
from fogflow_k8s.errors import FogflowError
from fogflow_k8s.model.kubernetes import labels_of

Kind = Literal["Secret", "ConfigMap"]
_KIND_BY_DRIVER: dict[str, Kind] = {
    "": "Secret",
    "secret": "Secret",
    "secrets": "Secret",
    "configmap": "ConfigMap",
    "configmaps": "ConfigMap",
}
_GZIP = b"\x1f\x8b\x08"  # Helm before 2.7 did not compress, and newer ones read both forms
_DECODE_ERRORS = (ValueError, KeyError, TypeError, AttributeError, OSError, EOFError, zlib.error)


@dataclass(frozen=True)
class StoredRelease:
    """A stored release: one line per revision, as in `helm history -o json`, and the newest manifest."""

    history: tuple[dict[str, Any], ...]
    manifest: str


def kind_of(environment: Mapping[str, str]) -> Kind | None:
    """Return the kind of object that holds revisions; None when they are not in the cluster (HELM_DRIVER=sql or memory)."""
    return _KIND_BY_DRIVER.get(environment.get("HELM_DRIVER", ""))


def selector(release: str) -> str:
    """Return the label selector of a release's revision objects."""
    return f"owner=helm,name={release}"


def read_release(cluster: Cluster, release: str, namespace: str, kind: Kind = "Secret") -> StoredRelease | None:
    """Return the release; None when none is stored. Raises ClusterError, and FogflowError for an unreadable newest revision."""
    found = {_revision_number(obj): obj for obj in cluster.list(kind, namespace, selector(release))}
    if not found:
        return None
    lines = []
    for number in sorted(found):
        try:
            lines.append(history_line(decode(found[number])))
        except _DECODE_ERRORS:  # helm history skips it as well; the newest is decoded again below
            continue
    newest = found[max(found)]
    try:
        return StoredRelease(tuple(lines), str(decode(newest)["manifest"]))
    except _DECODE_ERRORS as error:
        name = newest["metadata"]["name"]
        raise FogflowError(
            f"{kind} {name} in namespace {namespace} does not hold a readable Helm release: {error!r}",
            hint=f"helm -n {namespace} history {release}; kubectl -n {namespace} get {kind.lower()} {name} -o yaml",
            exit_code=11,
        ) from error


def decode(obj: Mapping[str, Any]) -> dict[str, Any]:
    """Return the revision that one of Helm's objects holds, as Helm's JSON."""
    text = str(obj["data"]["release"]).encode()
    if obj["kind"] == "Secret":
        text = base64.b64decode(text)
    packed = base64.b64decode(text)
    return dict(json.loads(gzip.decompress(packed) if packed.startswith(_GZIP) else packed))


def history_line(release: Mapping[str, Any]) -> dict[str, Any]:
    """Return a revision's JSON as a line of `helm history -o json`."""
    info, chart = release["info"], release["chart"]["metadata"]
    return {
        "revision": release["version"],
        "status": info["status"],
        "updated": info.get("last_deployed"),
        "chart": f"{chart['name']}-{chart['version']}",
        "app_version": chart.get("appVersion"),
        "description": info.get("description"),
    }


def _revision_number(obj: Mapping[str, Any]) -> int:
    """Return the revision number: the label, or else the end of the object's name."""
    labels = labels_of(obj)
    return int(labels.get("version") or str(obj["metadata"]["name"]).rpartition(".v")[2])
