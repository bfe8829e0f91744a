"""Which of several replicas acts: the holder of a Lease. Another takes it when its holder was silent for its duration.

When it is stale is model/release/lease.py's rule, for a shorter time.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any, Protocol

from fogflow_k8s.model.kubernetes import spec_of
from fogflow_k8s.model.release.lease import Watch, read
from fogflow_k8s.worker.kube import ERRORS, Refused

DURATION_S = 6
RENEW_EVERY_S = 1.5
GIVE_UP_S = 4.5
"""A holder that could not renew for so long stops acting: before another may take the Lease."""


class Leases(Protocol):
    """The part of Kube that is used here."""

    async def get(self, kind: str, name: str) -> dict[str, Any]: ...
    async def create(self, kind: str, body: Any) -> dict[str, Any]: ...
    async def replace(self, kind: str, name: str, body: Any) -> dict[str, Any]: ...


class Lease:
    """One Lease, seen by one contender."""

    def __init__(self, kube: Leases, name: str, namespace: str, me: str) -> None:
        self._kube, self._name, self._namespace, self._me = kube, name, namespace, me
        self._held: dict[str, Any] = {}
        self._watch = Watch("", 0.0)

    async def acquire(self) -> None:
        """Come back when it is ours. An API server that does not answer is asked again."""
        while True:
            if await self._try():
                return
            await asyncio.sleep(1)

    async def keep(self) -> None:
        """Renew it; come back when it is lost, or may be."""
        renewed = time.monotonic()
        while time.monotonic() - renewed < GIVE_UP_S:
            await asyncio.sleep(RENEW_EVERY_S)
            try:
                async with asyncio.timeout(GIVE_UP_S - RENEW_EVERY_S):
                    self._held = await self._kube.replace("leases", self._name, self._body(self._held))
                renewed = time.monotonic()
            except Refused as error:
                if error.status in {404, 409}:  # somebody else wrote it
                    return
            except (*ERRORS, TimeoutError):
                continue

    async def release(self) -> None:
        """Hand it over: nobody has to wait for its duration."""
        try:
            await self._kube.replace("leases", self._name, self._body(self._held, holder=""))
        except ERRORS:
            return

    async def _try(self) -> bool:
        try:
            found = await self._kube.get("leases", self._name)
        except Refused as error:
            return error.status == 404 and await self._write(None)
        except ERRORS:
            return False
        hold, now = read(found), time.monotonic()
        if hold is not None and hold.holder != self._me:
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
        except ERRORS:
            return False
        return True

    def _body(self, found: dict[str, Any] | None, *, holder: str | None = None) -> dict[str, Any]:
        spec = spec_of(found or {})
        who = self._me if holder is None else holder
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        changes = int(spec.get("leaseTransitions") or 0) + int(who != spec.get("holderIdentity"))
        metadata = (found or {}).get("metadata") or {"name": self._name, "namespace": self._namespace}
        acquired = spec.get("acquireTime") if who == spec.get("holderIdentity") else now
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {k: v for k, v in metadata.items() if k != "managedFields"},
            "spec": {"holderIdentity": who, "leaseDurationSeconds": DURATION_S, "acquireTime": acquired or now,
                     "renewTime": now, "leaseTransitions": changes},
        }  # fmt: skip
