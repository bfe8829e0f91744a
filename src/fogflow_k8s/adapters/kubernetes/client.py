"""A client of the Kubernetes API: objects are plain dicts, every call has a timeout, every failure is a typed error.

It sends its requests with urllib3. The typed models of the official client take 0.4-0.8 s to import and 0.7 ms per pod
to fill, and this program needs the objects as dicts. `Cluster` is the interface that the actions use; `KubeCluster`
implements it, and tests have fakes for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import urlencode

from fogflow_k8s.adapters.kubernetes.errors import Conflict, Gone, Invalid, NotFound
from fogflow_k8s.adapters.kubernetes.http import Answer, ApiHttp
from fogflow_k8s.adapters.kubernetes.kubeconfig import KubeContext, resolve
from fogflow_k8s.adapters.kubernetes.paths import path_of
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model.kubernetes import labels_of, metadata_of

Objects = list[dict[str, Any]]
Rows = list[list[Any]]
Labels = list[dict[str, str]]
Names = list[str]  # an alias, because `list` is a method of the classes below

__all__ = ["Answer", "Cluster", "Conflict", "Gone", "Invalid", "KubeCluster", "NotFound", "path_of"]

TIMEOUT_S = 15.0
FIELD_MANAGER = "fogflow-k8s"
_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
_METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"


class Cluster(Protocol):
    """The interface of everything that talks to an API server. Objects are plain dicts."""

    context: str
    server: str

    @property
    def uid(self) -> str:
        """The cluster's identity; "" when this user cannot read it."""

    @property
    def version(self) -> str:
        """The server's version, like v1.37.2."""

    def get(self, kind: str, name: str, namespace: str = "") -> dict[str, Any] | None:
        """One object, or None when it does not exist."""

    def list(self, kind: str, namespace: str = "", selector: str = "", fields: str = "") -> Objects:
        """All objects of a kind that match."""

    def pages(self, kind: str, namespace: str = "", selector: str = "", fields: str = "") -> Iterator[Objects]:
        """The same in pages of a few hundred, so that memory never holds all. Raises Gone when the server drops the rest."""

    def labels(self, kind: str, namespace: str, selector: str = "") -> Labels:
        """Return only the labels of all matching objects: for kinds with large objects."""

    def table(self, kind: str, namespace: str, selector: str = "") -> tuple[Names, Rows]:
        """Return column names and rows as kubectl shows them: for thousands of pods."""

    def clock(self) -> datetime:
        """The API server's time, to the second."""

    def create(self, obj: Mapping[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        """Create an object; raises Conflict when it exists. With `dry_run` the server checks everything and stores nothing."""

    def replace(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """Replace; raises Conflict when the resourceVersion is not the newest."""

    def apply(
        self, obj: Mapping[str, Any], *, manager: str = FIELD_MANAGER, force: bool = True, dry_run: bool = False
    ) -> dict[str, Any]:
        """Server-side apply."""

    def delete(self, kind: str, name: str, namespace: str = "", *, grace_s: int | None = None) -> bool:
        """Delete; False when it did not exist."""

    def logs(
        self, namespace: str, pod: str, container: str, *, previous: bool = False, lines: int = 50, since_s: int = 0, limit: int = 0
    ) -> str:  # fmt: skip
        """Return the end of a container's log with timestamps: the last `since_s` seconds, at most `limit` bytes (0: no limit)."""


class KubeCluster:
    """A client of a real API server."""

    def __init__(self, context: KubeContext, *, timeout_s: float = TIMEOUT_S) -> None:
        self.context, self.server = context.context, context.server
        self._http = ApiHttp(context, timeout_s=timeout_s, agent=FIELD_MANAGER)

    @classmethod
    def connect(cls, kubeconfig: str = "", context: str = "", *, timeout_s: float = TIMEOUT_S) -> KubeCluster:
        """Return a client of the cluster that kubectl would use; it sends nothing yet. Raises UsageError, ClusterError."""
        return cls(resolve(kubeconfig, context), timeout_s=timeout_s)

    @cached_property
    def uid(self) -> str:
        """The cluster's identity: the uid of its kube-system namespace ("" when this user may not read it)."""
        try:
            found = self.get("Namespace", "kube-system")
        except ClusterError as error:
            if error.status == 403:
                return ""
            raise
        return str(found["metadata"]["uid"]) if found else ""

    @cached_property
    def version(self) -> str:
        """The server's version, like v1.37.2."""
        return str(self.request("GET", "/version").json().get("gitVersion", ""))

    def get(self, kind: str, name: str, namespace: str = "") -> dict[str, Any] | None:
        """Return one object, or None when it does not exist."""
        try:
            return self.request("GET", path_of(kind, namespace, name)).json()
        except NotFound:
            return None

    def list(self, kind: str, namespace: str = "", selector: str = "", fields: str = "") -> Objects:
        """Return all matching objects; when a page expires in between, read the list again in one request. Raises Gone."""
        try:
            return [obj for page in self.pages(kind, namespace, selector, fields) for obj in page]
        except Gone:  # like kubectl: one request for everything cannot expire in between
            return next(self.pages(kind, namespace, selector, fields, limit=0))

    def pages(
        self, kind: str, namespace: str = "", selector: str = "", fields: str = "", *, limit: int = 500
    ) -> Iterator[Objects]:
        """Yield all matching objects in pages of `limit` (0: one page)."""
        query = {"labelSelector": selector, "fieldSelector": fields, "limit": str(limit or "")}
        token = ""
        while True:
            page = self.request("GET", path_of(kind, namespace), query={**query, "continue": token}).json()
            yield [{"kind": kind, **item} for item in page.get("items") or []]
            token = str(metadata_of(page).get("continue") or "")
            if not token:
                return

    def labels(self, kind: str, namespace: str, selector: str = "") -> Labels:
        """Return the labels of all matching objects; the server sends only their metadata."""
        page = self.request("GET", path_of(kind, namespace), query={"labelSelector": selector}, accept=_METADATA).json()
        return [dict(labels_of(item)) for item in page.get("items") or []]

    def table(self, kind: str, namespace: str, selector: str = "") -> tuple[Names, Rows]:
        """Return column names and rows as kubectl shows them, from the API server's cache, without the objects."""
        query = {"labelSelector": selector, "includeObject": "None", "resourceVersion": "0"}
        answer = self.request("GET", path_of(kind, namespace), query=query, accept=_TABLE).json()
        if answer.get("kind") != "Table":
            raise ClusterError(
                f"the API server at {self.server} did not answer with a table",
                hint="check for a proxy in between: kubectl get pods -v=6",
            )
        columns = [str(c["name"]) for c in answer.get("columnDefinitions") or []]
        return columns, [row["cells"] for row in answer.get("rows") or []]

    def clock(self) -> datetime:
        """Return the API server's time, to the second, from the Date header of its last answer."""
        if (found := self._http.clock()) is None:
            self.request("GET", "/version")
            found = self._http.clock()
        if found is None:
            raise ClusterError(
                f"the API server at {self.server} sent no Date header",
                hint="check for a proxy in between: kubectl get pods -v=6",
            )
        return found

    def create(self, obj: Mapping[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        """Create an object; raises Conflict when it exists. With `dry_run` the server checks everything and stores nothing."""
        path = path_of(str(obj["kind"]), str(obj["metadata"].get("namespace", "")))
        query = {"fieldManager": FIELD_MANAGER, "dryRun": "All" if dry_run else ""}
        return self.request("POST", path, query=query, body=obj).json()

    def replace(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """Replace; raises Conflict when the resourceVersion is not the newest."""
        metadata = obj["metadata"]
        path = path_of(str(obj["kind"]), str(metadata.get("namespace", "")), str(metadata["name"]))
        return self.request("PUT", path, query={"fieldManager": FIELD_MANAGER}, body=obj).json()

    def apply(
        self, obj: Mapping[str, Any], *, manager: str = FIELD_MANAGER, force: bool = True, dry_run: bool = False
    ) -> dict[str, Any]:
        """Server-side apply; return the object as the server has it (or would have it) afterwards."""
        metadata = obj["metadata"]
        path = path_of(str(obj["kind"]), str(metadata.get("namespace", "")), str(metadata["name"]))
        query = {"fieldManager": manager, "force": str(force).lower(), "dryRun": "All" if dry_run else ""}
        return self.request("PATCH", path, query=query, body=obj, content_type="application/apply-patch+yaml").json()

    def delete(self, kind: str, name: str, namespace: str = "", *, grace_s: int | None = None) -> bool:
        """Delete an object, and its dependents in the background; return False when it did not exist."""
        body: dict[str, Any] = {"propagationPolicy": "Background"}
        if grace_s is not None:
            body["gracePeriodSeconds"] = grace_s
        try:
            self.request("DELETE", path_of(kind, namespace, name), body=body)
        except NotFound:
            return False
        return True

    def logs(
        self, namespace: str, pod: str, container: str, *, previous: bool = False, lines: int = 50, since_s: int = 0, limit: int = 0
    ) -> str:  # fmt: skip
        """Return the end of a container's log. Raises ClusterError when there is no log."""
        query = {"container": container, "tailLines": str(lines), "previous": "true" if previous else ""}
        query |= {"sinceSeconds": str(since_s or ""), "limitBytes": str(limit or ""), "timestamps": "true"}
        return self.request("GET", f"{path_of('Pod', namespace, pod)}/log", query=query).body.decode(errors="replace")

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Answer:
        """Send one request; `ApiHttp.request` describes the retries."""
        wanted = urlencode({k: v for k, v in (query or {}).items() if v})
        url = f"{self.server}{path}" + (f"?{wanted}" if wanted else "")
        data = json.dumps(body).encode() if body is not None else None
        return self._http.request(method, url, {"Accept": accept, "Content-Type": content_type}, data)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()
