"""The lock of a release: a Kubernetes Lease, which lets only one operation at a time change the release.

The Lease names its holder (user, host and command). The holder renews it while the operation runs. An operation that finds
the Lease held watches it: if it is not renewed for `lease.DURATION_S`, the holder has died, and the Lease is taken over.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.actions.record import now, user
from fogflow_k8s.adapters.kubernetes.client import Conflict
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import Busy, ClusterError
from fogflow_k8s.model.kubernetes import spec_of
from fogflow_k8s.model.release import lease


class HeldLease:
    """The Lease while this operation holds it. A thread renews it until it is released or another operation takes it over.

    The Lease counts as lost `lease.GIVE_UP_S` after the start of the last successful renewal, whatever prevents the next
    one (a server that hangs, a thread that died). A later renewal that succeeds regains it: no other operation took it over.
    """

    def __init__(self, op: Operation, holder: str, since: float) -> None:
        """`since`: the time.monotonic at which the request that acquired the Lease started."""
        self._op = op
        self._holder = holder
        self._renewed = since
        self._taken = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew_until_stopped, name="lease", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> bool:
        """Whether another operation holds the Lease, or can take it over at any moment."""
        return self._taken.is_set() or time.monotonic() - self._renewed >= lease.GIVE_UP_S

    def check(self) -> None:
        """Make sure that this operation still holds the Lease, with one more renewal if it counts as lost.

        Call it before each change of the release. Raises Busy when another operation has taken the Lease over, ClusterError
        when the API server does not answer.
        """
        if self.lost and not self._taken.is_set():
            try:
                self._renew()
            except ClusterError:
                if self.lost and not self._taken.is_set():  # the thread may have been faster
                    raise
        if self._taken.is_set():
            raise Busy(f"another operation took over release {self._op.release}", hint="fogflow-k8s status --watch")

    def release(self) -> None:
        """Release the Lease, so that the next operation does not have to wait."""
        self._stop.set()
        self._thread.join(timeout=2)
        try:
            found = self._op.cluster.get("Lease", self._op.own_name, self._op.namespace)
            if found and spec_of(found).get("holderIdentity") == self._holder:
                found["spec"]["holderIdentity"] = ""
                self._op.cluster.replace(found)
        except ClusterError:
            return  # without renewals the Lease becomes stale

    def _renew_until_stopped(self) -> None:
        while not self._stop.wait(lease.RENEW_EVERY_S) and not self._taken.is_set():
            with suppress(ClusterError):  # the next renewal may succeed; until then the time to `lost` runs
                self._renew()

    def _renew(self) -> None:
        """Renew the Lease once. Raises ClusterError when the request fails."""
        begun = time.monotonic()
        found = self._op.cluster.get("Lease", self._op.own_name, self._op.namespace)
        if not found or spec_of(found).get("holderIdentity") != self._holder:
            self._taken.set()
            return
        found["spec"]["renewTime"] = now()
        self._op.cluster.replace(found)
        self._renewed = begun


@contextmanager
def hold_lease(op: Operation) -> Iterator[HeldLease]:
    """Hold the release's Lease for the length of a `with` block. Raises Busy when another operation keeps renewing it."""
    lease_held = HeldLease(op, *_acquire(op))
    try:
        yield lease_held
    finally:
        lease_held.release()


def live_holder(op: Operation) -> lease.Hold | None:
    """The holder that renews the Lease; None when it has no holder, or when the holder does not renew it for 15 s."""

    def read_hold() -> lease.Hold | None:
        found = op.cluster.get("Lease", op.own_name, op.namespace)
        return lease.read(found) if found else None

    first = read_hold()
    if first is None:
        return None
    op.report.log(
        f"the release is locked by {first.holder}; waiting up to {lease.DURATION_S} s to see whether the lock is renewed"
    )
    try:
        return wait_for(
            "a renewal of the lock", read_hold, lambda hold: hold is None or hold.token != first.token,
            timeout_s=lease.DURATION_S + 1, every_s=1.0, clock=op.clock,
        )  # fmt: skip
    except WaitTimeout:
        return None


def _acquire(op: Operation) -> tuple[str, float]:
    """Acquire the Lease: the holder name written to it, and the time.monotonic at which that request started. Raises Busy."""
    holder = f"{user()} {uuid.uuid4().hex[:8]}"
    memory: lease.Watch | None = None
    reported = False
    begun = 0.0

    def attempt() -> lease.Hold | None:
        """The current holder; None when the Lease was acquired."""
        nonlocal memory, reported, begun
        begun = time.monotonic()
        found = op.cluster.get("Lease", op.own_name, op.namespace)
        hold = lease.read(found) if found else None
        if hold is None:
            return _write(op, found, holder)
        memory = (memory or lease.Watch(hold.token, op.clock.now())).after(hold, op.clock.now())
        if memory.stale(op.clock.now()):
            op.report.warn(
                f"taking over the lock of {hold.holder} ({hold.command}): it was not renewed for {lease.DURATION_S} s"
            )
            return _write(op, found, holder)
        if not reported:
            op.report.log(
                f"the release is locked by {hold.holder} ({hold.command}); waiting up to {lease.DURATION_S} s for the lock"
            )
            reported = True
        return hold

    try:
        wait_for(
            "the lease", attempt, lambda hold: hold is None, timeout_s=lease.DURATION_S + 1, every_s=1.0, clock=op.clock
        )
    except WaitTimeout as error:
        hold = error.last if isinstance(error.last, lease.Hold) else None
        who = f"{hold.holder} since {hold.began}: {hold.command}" if hold else "another operation"
        raise Busy(
            f"another operation is changing release {op.release}: {who}", hint="fogflow-k8s status --watch"
        ) from error
    return holder, begun


def _write(op: Operation, found: dict[str, Any] | None, holder: str) -> lease.Hold | None:
    """Write the holder to the Lease. None on success; the other holder when another operation was faster."""
    transitions = int(spec_of(found or {}).get("leaseTransitions") or 0) + 1
    wanted = lease.manifest(op.own_name, op.namespace, holder, op.command, now(), transitions)
    try:
        if found:
            wanted["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
            op.cluster.replace(wanted)
        else:
            op.cluster.create(wanted)
    except Conflict:
        newer = op.cluster.get("Lease", op.own_name, op.namespace)
        return (lease.read(newer) if newer else None) or lease.Hold("another operation", "", "", "")
    return None
