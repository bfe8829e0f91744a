"""A client for the Kubernetes API of one namespace: plain dicts, watches, and two kinds of errors.

The worker is an asyncio program, so it does not share the client of the CLI. It uses kubernetes.aio for its login and its
session only, because the generated models of that library would take more time than the requests (docs/worker.md has the
measurement).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import config as login
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.client.exceptions import ApiException

from fogflow_k8s.model.kubernetes import Obj, metadata_of

GROUPS = {
    "deployments": "/apis/apps/v1",
    "services": "/api/v1",
    "configmaps": "/api/v1",
    "pods": "/api/v1",
    "endpointslices": "/apis/discovery.k8s.io/v1",
    "leases": "/apis/coordination.k8s.io/v1",
}
TIMEOUT_S = 15
WATCH_S = 240
PAGE = 500
_MERGE = "application/merge-patch+json"


class ApiError(Exception):
    """The API server answered with an error. `status` is the HTTP status, `reason` that of the Status object."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message or reason or str(status))
        self.status, self.reason = status, reason

    @property
    def permanent(self) -> bool:
        """Whether the same request will probably fail again."""
        if self.status == 500:  # a webhook can be unavailable for days
            return "webhook" in str(self)
        return self.status in {400, 403, 413, 422} and self.reason != "Timeout"


class ApiUnreachable(Exception):
    """There was no answer, or not one of an API server."""


API_ERRORS = (ApiError, ApiUnreachable)


class KubeClient:
    """The API of one cluster, for the objects of one namespace."""

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self._client, self.namespace = client, namespace
        self._host = client.configuration.host

    @classmethod
    async def connect(cls, namespace: str, kubeconfig: str | None = None) -> KubeClient:
        """Log in with the service account of the pod, or with a kubeconfig."""
        settings = Configuration()
        if kubeconfig:
            await login.load_kube_config(kubeconfig, client_configuration=settings)
        else:
            login.load_incluster_config(client_configuration=settings)
        settings.connection_pool_maxsize = 64
        # Python 3.13 enables strict verification, which rejects authorities without key identifiers (EKS, older MicroK8s)
        settings.disable_strict_ssl_verification = True
        # otherwise aiohttp looks for a proxy in the environment and in a file at each request
        settings.client_session_kwargs = {"trust_env": False}
        return cls(ApiClient(settings), namespace)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def get(self, kind: str, name: str) -> dict[str, Any]:
        """Read an object. Raises API_ERRORS."""
        return await self._call("GET", self._path(kind, name))

    async def create(self, kind: str, body: Obj) -> dict[str, Any]:
        """Create an object. Raises API_ERRORS (ApiError 409: it exists)."""
        return await self._call("POST", self._path(kind), body)

    async def replace(self, kind: str, name: str, body: Obj) -> dict[str, Any]:
        """Replace an object. Raises API_ERRORS (ApiError 409: it changed since it was read)."""
        return await self._call("PUT", self._path(kind, name), body)

    async def patch(self, kind: str, name: str, body: Obj) -> dict[str, Any]:
        """Apply a merge patch to an object. Raises API_ERRORS."""
        return await self._call("PATCH", self._path(kind, name), body, _MERGE)

    async def delete(self, kind: str, name: str) -> None:
        """Delete an object and those that it owns; one that does not exist is no error. Raises API_ERRORS."""
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        try:
            await self._call("DELETE", self._path(kind, name), options)
        except ApiError as error:
            if error.status != 404:
                raise

    async def list(self, kind: str, selector: str) -> tuple[list[dict[str, Any]], str]:
        """All objects that match a label selector, and the version to watch from. Raises API_ERRORS."""
        items: list[dict[str, Any]] = []
        more = ""
        while True:
            query = {"labelSelector": selector, "limit": PAGE, **({"continue": more} if more else {})}
            page = await self._call("GET", f"{self._path(kind)}?{urlencode(query)}")
            items += page.get("items") or []
            metadata = metadata_of(page)
            more = metadata.get("continue") or ""
            if not more:
                return items, str(metadata.get("resourceVersion") or "")

    async def watch(self, kind: str, selector: str, version: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """The changes since a version, until the server ends the watch. Raises API_ERRORS (ApiError 410: list again)."""
        query = {"labelSelector": selector, "watch": "true", "resourceVersion": version,
                 "allowWatchBookmarks": "true", "timeoutSeconds": WATCH_S}  # fmt: skip
        answer = await self._send("GET", f"{self._path(kind)}?{urlencode(query)}", None, "", WATCH_S + 30)
        try:
            async for line in answer.content:
                event = json.loads(line)
                if event.get("type") == "ERROR":
                    raise _api_error(int((event.get("object") or {}).get("code") or 500), event.get("object") or {})
                yield str(event.get("type")), event.get("object") or {}
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ApiUnreachable(str(error) or type(error).__name__) from error
        finally:
            answer.close()

    def _path(self, kind: str, name: str = "") -> str:
        return f"{GROUPS[kind]}/namespaces/{self.namespace}/{kind}" + (f"/{name}" if name else "")

    async def _call(self, method: str, path: str, body: Obj | None = None, content: str = "") -> dict[str, Any]:
        for attempt in range(5):
            answer = await self._send(method, path, body, content, TIMEOUT_S)
            try:
                text = await answer.read()
                found = json.loads(text) if text else {}
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                raise ApiUnreachable(f"{method} {path}: {error or type(error).__name__}") from error
            if answer.status == 429 and attempt < 4:
                await asyncio.sleep(min(float(answer.headers.get("Retry-After") or 1), 5))
                continue
            if answer.status >= 300:
                raise _api_error(answer.status, found)
            return dict(found)
        raise AssertionError  # the last attempt returns or raises

    async def _send(self, method: str, path: str, body: Obj | None, content: str, timeout_s: float) -> Any:
        headers = {"Accept": "application/json", "Content-Type": content or "application/json"}
        await self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        try:
            answer = await self._client.rest_client.request(
                method, self._host + path, headers=headers, body=body, _request_timeout=aiohttp.ClientTimeout(total=timeout_s, connect=5)
            )  # fmt: skip
        except ApiException as error:
            raise ApiError(error.status or 500, str(error.reason or ""), str(error.body or "")) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiUnreachable(f"{method} {path}: {error or type(error).__name__}") from error
        return answer.response


def _api_error(status: int, answer: Any) -> ApiError:
    body = answer if isinstance(answer, dict) else {}
    return ApiError(status, str(body.get("reason") or ""), str(body.get("message") or ""))
