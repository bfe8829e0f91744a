"""Releases as Helm stores them in Kubernetes: what `helm history` and `helm get manifest` print, without a helm program.

Helm keeps every revision as one object `sh.helm.release.v1.NAME.vN` in the namespace of the release, labelled owner=helm,
name, version and status: a Secret by default, a ConfigMap with HELM_DRIVER=configmap. Its key `release` is the base64 text
of the gzipped JSON of the revision; in a Secret, Kubernetes encodes that text as base64 once more. The format is Helm's
pkg/storage/driver, the same in Helm 3 and Helm 4.
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
_KINDS: dict[str, Kind] = {
    "": "Secret",
    "secret": "Secret",
    "secrets": "Secret",
    "configmap": "ConfigMap",
    "configmaps": "ConfigMap",
}
_GZIP = b"\x1f\x8b\x08"  # Helm before 2.7 did not compress, and Helm still reads both
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OSError, EOFError, zlib.error)


@dataclass(frozen=True)
class Stored:
    """A release as it is stored: one line for each revision, as in `helm history -o json`, and the newest manifest."""

    history: tuple[dict[str, Any], ...]
    manifest: str


def kind_of(environment: Mapping[str, str]) -> Kind | None:
    """The kind of object that Helm keeps revisions in; None when they are not in the cluster (HELM_DRIVER=sql, memory)."""
    return _KINDS.get(environment.get("HELM_DRIVER", ""))


def selector(release: str) -> str:
    """The label selector of the objects of a release's revisions."""
    return f"owner=helm,name={release}"


def read(cluster: Cluster, release: str, namespace: str, kind: Kind = "Secret") -> Stored | None:
    """The release; None when nothing is stored. Raises ClusterError, and FogflowError when its newest revision cannot be read."""
    found = {_version(obj): obj for obj in cluster.list(kind, namespace, selector(release))}
    if not found:
        return None
    lines = []
    for number in sorted(found):
        try:
            lines.append(history_line(decode(found[number])))
        except _UNREADABLE:  # Helm leaves it out, too; the newest is met again below
            continue
    newest = found[max(found)]
    try:
        return Stored(tuple(lines), str(decode(newest)["manifest"]))
    except _UNREADABLE as error:
        name = newest["metadata"]["name"]
        raise FogflowError(
            f"{kind} {name} in namespace {namespace} does not hold a release of Helm that can be read: {error!r}",
            hint=f"helm -n {namespace} history {release}; kubectl -n {namespace} get {kind.lower()} {name} -o yaml",
            exit_code=11,
        ) from error


def decode(obj: Mapping[str, Any]) -> dict[str, Any]:
    """The revision in one of Helm's objects, as Helm's JSON has it."""
    text = str(obj["data"]["release"]).encode()
    if obj["kind"] == "Secret":
        text = base64.b64decode(text)
    packed = base64.b64decode(text)
    return dict(json.loads(gzip.decompress(packed) if packed.startswith(_GZIP) else packed))


def history_line(release: Mapping[str, Any]) -> dict[str, Any]:
    """A revision's JSON as a line of `helm history -o json`."""
    info, chart = release["info"], release["chart"]["metadata"]
    return {
        "revision": release["version"],
        "status": info["status"],
        "updated": info.get("last_deployed"),
        "chart": f"{chart['name']}-{chart['version']}",
        "app_version": chart.get("appVersion"),
        "description": info.get("description"),
    }


def _version(obj: Mapping[str, Any]) -> int:
    """The number of the revision: by its label, else by the end of the object's name."""
    labels = labels_of(obj)
    return int(labels.get("version") or str(obj["metadata"]["name"]).rpartition(".v")[2])
