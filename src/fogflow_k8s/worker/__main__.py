"""python -m fogflow_k8s.worker [-f /config.json] [-i N] [--port 8011] [--kubeconfig FILE] [--drain]."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
from pathlib import Path

from fogflow_k8s.worker import metrics
from fogflow_k8s.worker.kube import ERRORS, Kube
from fogflow_k8s.worker.lease import Lease
from fogflow_k8s.worker.logs import say, warn
from fogflow_k8s.worker.serve import serve
from fogflow_k8s.worker.session import Session, site_of
from fogflow_k8s.worker.settings import BadSettings, Settings, load

PORT = 8011


class Worker:
    """The process: it waits for the Lease, works while it holds it, and hands it over when it is told to end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session: Session | None = None
        self._stop, self._drain = asyncio.Event(), asyncio.Event()

    async def run(self, port: int, kubeconfig: str | None) -> None:
        """Until SIGTERM."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGUSR1, self._drain.set)
        kube = await Kube.connect(self._settings.namespace, kubeconfig)
        lease = Lease(kube, self._settings.lease, self._settings.namespace, f"{socket.gethostname()}-{os.getpid()}")
        server = await serve(port, lambda: "", self._wrong, self._count)
        try:
            while not self._stop.is_set():
                await self._turn(kube, lease)
        finally:
            await lease.release()
            await server.cleanup()
            await kube.close()
            say("ended; tasks go on")

    async def _turn(self, kube: Kube, lease: Lease) -> None:
        """One time of holding the Lease."""
        if not await self._first(lease.acquire()):
            return
        say("holding the lease", name=self._settings.lease)
        metrics.ACTIVE.set(1)
        try:
            self._session = Session(self._settings, kube, await site_of(self._settings, kube))
            await self._first(lease.keep(), self._session.run(), self._leave())
        except* ERRORS as group:
            warn("begun anew", why=str(group.exceptions[0]))
            await asyncio.sleep(1)
        finally:
            metrics.ACTIVE.set(0)
            if self._session:
                await self._session.finish(ours=self._stop.is_set())
            self._session = None

    async def _leave(self) -> None:
        await self._drain.wait()
        if self._session:
            await self._session.drain()
        await self._stop.wait()

    async def _first(self, *jobs: object) -> bool:
        """Do these until one ends or we are told to end; False in the latter case. Raises what the one raised."""
        tasks = [asyncio.ensure_future(job) for job in (*jobs, self._stop.wait())]  # type: ignore[call-overload]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            return not self._stop.is_set()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _wrong(self) -> str:
        return self._session.wrong() if self._session else ""  # one that waits for the Lease is ready to take over

    def _count(self) -> None:
        if self._session:
            self._session.tasks.count()


def main() -> int:
    """Run it; 2 when the settings are wrong."""
    parser = argparse.ArgumentParser(prog="fogflow_k8s.worker", description=__doc__)
    parser.add_argument("-f", dest="file", type=Path, default=Path("/config.json"), help="FogFlow's config.json")
    parser.add_argument("-i", dest="instance", default="0", help="which of several workers this is")
    parser.add_argument("--port", type=int, default=PORT, help="of /livez, /readyz and /metrics")
    parser.add_argument("--kubeconfig", help="instead of the pod's own account")
    parser.add_argument(
        "--drain", action="store_true", help="have the worker in this container remove its tasks and leave"
    )
    options = parser.parse_args()
    if options.drain:
        os.kill(1, signal.SIGUSR1)
        return 0
    try:
        settings = load(options.file, options.instance)
    except BadSettings as error:
        sys.stderr.write(f"fogflow_k8s.worker: {error}\n")
        return 2
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(Worker(settings).run(options.port, options.kubeconfig))
    return 0


if __name__ == "__main__":
    sys.exit(main())
