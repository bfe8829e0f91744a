"""Leader election between the replicas of a worker: only the holder of a Lease is active.

The holder renews the Lease; another replica acquires it when it was not renewed for its duration. The rule for when a Lease
is stale is that of model/release/lease.py, with a shorter duration.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any, Protocol

from fogflow_k8s.model.kubernetes import spec_of
from fogflow_k8s.model.release.lease import Watch, read
from fogflow_k8s.worker.kube import API_ERRORS, ApiError

DURATION_S = 6
RENEW_EVERY_S = 1.5
GIVE_UP_S = 4.5
"""A holder that could not renew the Lease for this long stops, before another replica can acquire it."""


class LeaseClient(Protocol):
    """What this module needs of `KubeClient`."""

    async def get(self, kind: str, name: str) -> dict[str, Any]: ...
    async def create(self, kind: str, body: Any) -> dict[str, Any]: ...
    async def replace(self, kind: str, name: str, body: Any) -> dict[str, Any]: ...


class Lease:
    """One Lease, for the replica with this identity."""

    def __init__(self, kube: LeaseClient, name: str, namespace: str, identity: str) -> None:
        self._kube, self._name, self._namespace, self._identity = kube, name, namespace, identity
        self._held: dict[str, Any] = {}
        self._watch = Watch("", 0.0)

    async def acquire(self) -> None:
        """Return when this replica holds the Lease. Errors of the API server are retried."""
        while True:
            if await self._try_acquire():
                return
            await asyncio.sleep(1)

    async def renew(self) -> None:
        """Renew the Lease; return when it is lost, or may be lost."""
        renewed = time.monotonic()
        while time.monotonic() - renewed < GIVE_UP_S:
            await asyncio.sleep(RENEW_EVERY_S)
            try:
                async with asyncio.timeout(GIVE_UP_S - RENEW_EVERY_S):
                    self._held = await self._kube.replace("leases", self._name, self._body(self._held))
                renewed = time.monotonic()
            except ApiError as error:
                if error.status in {404, 409}:  # another replica has acquired it, or it was deleted
                    return
            except (*API_ERRORS, TimeoutError):
                continue

    async def release(self) -> None:
        """Give up the Lease, so that another replica can acquire it at once."""
        try:
            await self._kube.replace("leases", self._name, self._body(self._held, holder=""))
        except API_ERRORS:
            return

    async def _try_acquire(self) -> bool:
        try:
            found = await self._kube.get("leases", self._name)
        except ApiError as error:
            return error.status == 404 and await self._write(None)
        except API_ERRORS:
            return False
        hold, now = read(found), time.monotonic()
        if hold is not None and hold.holder != self._identity:
            self._watch = self._watch.after(hold, now)
            if not self._watch.stale(now, DURATION_S):
                return False
        return await self._write(found)

    async def _write(self, found: dict[str, Any] | None) -> bool:
        try:
            body = self._body(found)
            if found is None:
                self._held = await self._kube.create("leases", body)
            else:
                self._held = await self._kube.replace("leases", self._name, body)
        except API_ERRORS:
            return False
        return True

    def _body(self, found: dict[str, Any] | None, *, holder: str | None = None) -> dict[str, Any]:
        spec = spec_of(found or {})
        new = self._identity if holder is None else holder
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        changes = int(spec.get("leaseTransitions") or 0) + int(new != spec.get("holderIdentity"))
        metadata = (found or {}).get("metadata") or {"name": self._name, "namespace": self._namespace}
        acquired = spec.get("acquireTime") if new == spec.get("holderIdentity") else now
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {k: v for k, v in metadata.items() if k != "managedFields"},
            "spec": {"holderIdentity": new, "leaseDurationSeconds": DURATION_S, "acquireTime": acquired or now,
                     "renewTime": now, "leaseTransitions": changes},
        }  # fmt: skip
