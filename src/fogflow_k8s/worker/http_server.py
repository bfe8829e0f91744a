"""The worker's HTTP server: probes for the kubelet (`/livez`, `/readyz`), and `/metrics` for Prometheus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Probe = Callable[[], str]
"""Returns why the probe fails; "" when it succeeds."""


async def start_http_server(port: int, live: Probe, ready: Probe, update_gauges: Callable[[], None]) -> web.AppRunner:
    """Listen on all addresses; the caller stops the server with `cleanup`. `update_gauges` runs before each scrape."""

    def handler(probe: Probe) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(_: web.Request) -> web.Response:
            problem = probe()
            return web.Response(status=503 if problem else 200, text=(problem or "ok") + "\n")

        return answer

    async def metrics(_: web.Request) -> web.Response:
        update_gauges()
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/livez", handler(live))
    app.router.add_get("/readyz", handler(ready))
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, None, port).start()
    return runner
