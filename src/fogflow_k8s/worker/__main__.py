"""python -m fogflow_k8s.worker [-f /config.json] [-i N] [--port 8011] [--kubeconfig FILE] [--drain].

The process of the native worker. It waits for the Lease of its worker id, runs a `Session` while it holds the Lease, and
releases the Lease on SIGTERM; the tasks continue to run. `--drain` sends SIGUSR1 to the worker of the same container, which
then removes its tasks and leaves FogFlow.
"""

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
from fogflow_k8s.worker.http_server import start_http_server
from fogflow_k8s.worker.kube import API_ERRORS, KubeClient
from fogflow_k8s.worker.lease import Lease
from fogflow_k8s.worker.logs import log, warn
from fogflow_k8s.worker.session import Session, read_environment
from fogflow_k8s.worker.settings import InvalidSettings, Settings, read_settings

PORT = 8011


class Worker:
    """The process: one session after the other, each for as long as this process holds the Lease."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session: Session | None = None
        self._stop, self._drain = asyncio.Event(), asyncio.Event()

    async def run(self, port: int, kubeconfig: str | None) -> None:
        """Run until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGUSR1, self._drain.set)
        kube = await KubeClient.connect(self._settings.namespace, kubeconfig)
        lease = Lease(kube, self._settings.lease, self._settings.namespace, f"{socket.gethostname()}-{os.getpid()}")
        server = await start_http_server(port, lambda: "", self._unready_reason, self._update_gauges)
        try:
            while not self._stop.is_set():
                await self._run_session(kube, lease)
        finally:
            await lease.release()
            await server.cleanup()
            await kube.close()
            log("ended; the tasks continue to run")

    async def _run_session(self, kube: KubeClient, lease: Lease) -> None:
        """Wait for the Lease, then work until it is lost, the session fails or the process is told to stop."""
        if not await self._until_first(lease.acquire()):
            return
        log("holding the lease", name=self._settings.lease)
        metrics.ACTIVE.set(1)
        try:
            self._session = Session(self._settings, kube, await read_environment(self._settings, kube))
            await self._until_first(lease.renew(), self._session.run(), self._drain_on_request())
        except* API_ERRORS as group:
            warn("session failed; starting a new one", why=str(group.exceptions[0]))
            await asyncio.sleep(1)
        finally:
            metrics.ACTIVE.set(0)
            if self._session:
                await self._session.close(write_pending=self._stop.is_set())
            self._session = None

    async def _drain_on_request(self) -> None:
        await self._drain.wait()
        if self._session:
            await self._session.drain()
        await self._stop.wait()

    async def _until_first(self, *jobs: object) -> bool:
        """Run the jobs until one of them ends or the process is told to stop (False). Raises the error of the job that ended."""
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

    def _unready_reason(self) -> str:
        return self._session.unready_reason() if self._session else ""  # a replica that waits for the Lease is ready

    def _update_gauges(self) -> None:
        if self._session:
            self._session.tasks.update_gauges()


def main() -> int:
    """Run the worker; the exit code is 2 when config.json is invalid."""
    parser = argparse.ArgumentParser(prog="fogflow_k8s.worker", description="The native worker of fogflow-k8s.")
    parser.add_argument("-f", dest="file", type=Path, default=Path("/config.json"), help="FogFlow's config.json")
    parser.add_argument("-i", dest="instance", default="0", help="number of this worker among those of the site")
    parser.add_argument("--port", type=int, default=PORT, help="port of /livez, /readyz and /metrics")
    parser.add_argument("--kubeconfig", help="use this file instead of the pod's service account")
    parser.add_argument(
        "--drain",
        action="store_true",
        help="tell the worker of this container to remove its tasks and to leave FogFlow",
    )
    options = parser.parse_args()
    if options.drain:
        os.kill(1, signal.SIGUSR1)
        return 0
    try:
        settings = read_settings(options.file, options.instance)
    except InvalidSettings as error:
        sys.stderr.write(f"fogflow_k8s.worker: {error}\n")
        return 2
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(Worker(settings).run(options.port, options.kubeconfig))
    return 0


if __name__ == "__main__":
    sys.exit(main())
