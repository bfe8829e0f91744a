"""One operation per release: a Lease that says who is at it, renewed while they live, taken over when they died."""

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


class Held:
    """A Lease that is ours, renewed by a thread until it is released or somebody else has it.

    It counts as lost as soon as the last renewal that succeeded was begun GIVE_UP_S ago, whatever hinders the next one: a
    server that hangs, a thread that died. A renewal that succeeds later makes it ours again, as nobody took it meanwhile.
    """

    def __init__(self, op: Operation, holder: str, since: float) -> None:
        """`since`: when the request that made it ours was begun, by time.monotonic."""
        self._op = op
        self._holder = holder
        self._renewed = since
        self._taken = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> bool:
        """Whether somebody else has it, or may have it any moment."""
        return self._taken.is_set() or time.monotonic() - self._renewed >= lease.GIVE_UP_S

    def check(self) -> None:
        """Nothing, when it is still ours, if need be after one more renewal: what we would do next, others may be doing.

        Raises Busy when somebody else has it, ClusterError when the API server does not say.
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
        """Give it back, so that the next operation need not wait."""
        self._stop.set()
        self._thread.join(timeout=2)
        try:
            found = self._op.cluster.get("Lease", self._op.own_name, self._op.namespace)
            if found and spec_of(found).get("holderIdentity") == self._holder:
                found["spec"]["holderIdentity"] = ""
                self._op.cluster.replace(found)
        except ClusterError:
            return  # it goes stale by itself

    def _keep(self) -> None:
        while not self._stop.wait(lease.RENEW_EVERY_S) and not self._taken.is_set():
            with suppress(ClusterError):  # the next time, perhaps; until then time counts
                self._renew()

    def _renew(self) -> None:
        """One renewal. Raises ClusterError when it did not come about."""
        begun = time.monotonic()
        found = self._op.cluster.get("Lease", self._op.own_name, self._op.namespace)
        if not found or spec_of(found).get("holderIdentity") != self._holder:
            self._taken.set()
            return
        found["spec"]["renewTime"] = now()
        self._op.cluster.replace(found)
        self._renewed = begun


@contextmanager
def held(op: Operation) -> Iterator[Held]:
    """The release's Lease, for the length of a `with` block. Raises Busy, naming the holder, after watching it for 15 s."""
    mine = Held(op, *_acquire(op))
    try:
        yield mine
    finally:
        mine.release()


def living(op: Operation) -> lease.Hold | None:
    """Who holds the Lease and is alive: a sign of life was seen. None when nobody holds it, or gave none for 15 s."""

    def look() -> lease.Hold | None:
        found = op.cluster.get("Lease", op.own_name, op.namespace)
        return lease.read(found) if found else None

    first = look()
    if first is None:
        return None
    op.report.log(f"{first.holder} is at this release; watching for {lease.DURATION_S} s whether they still live")
    try:
        return wait_for(
            "a sign of life", look, lambda hold: hold is None or hold.token != first.token,
            timeout_s=lease.DURATION_S + 1, every_s=1.0, clock=op.clock,
        )  # fmt: skip
    except WaitTimeout:
        return None


def _acquire(op: Operation) -> tuple[str, float]:
    """Our name on the Lease, and when the request that wrote it was begun."""
    holder = f"{user()} {uuid.uuid4().hex[:8]}"
    memory: lease.Watch | None = None
    told = False
    begun = 0.0

    def attempt() -> lease.Hold | None:
        """None when the Lease is ours now, else who holds it."""
        nonlocal memory, told, begun
        begun = time.monotonic()
        found = op.cluster.get("Lease", op.own_name, op.namespace)
        hold = lease.read(found) if found else None
        if hold is None:
            return _write(op, found, holder)
        memory = (memory or lease.Watch(hold.token, op.clock.now())).after(hold, op.clock.now())
        if memory.stale(op.clock.now()):
            op.report.warn(
                f"taking over from {hold.holder}, who gave no sign of life for {lease.DURATION_S} s ({hold.command})"
            )
            return _write(op, found, holder)
        if not told:
            op.report.log(
                f"{hold.holder} is at this release ({hold.command}); watching for {lease.DURATION_S} s whether it still lives"
            )
            told = True
        return hold

    try:
        wait_for(
            "the lease", attempt, lambda hold: hold is None, timeout_s=lease.DURATION_S + 1, every_s=1.0, clock=op.clock
        )
    except WaitTimeout as error:
        hold = error.last if isinstance(error.last, lease.Hold) else None
        who = f"{hold.holder} since {hold.acquired}: {hold.command}" if hold else "somebody else"
        raise Busy(f"release {op.release} is being worked on by {who}", hint="fogflow-k8s status --watch") from error
    return holder, begun


def _write(op: Operation, found: dict[str, Any] | None, holder: str) -> lease.Hold | None:
    """Write our name on the Lease; who was faster, when somebody was."""
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
        return (lease.read(newer) if newer else None) or lease.Hold("somebody", "", "", "")
    return None
