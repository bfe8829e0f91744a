"""What the kubelet and Prometheus ask: `/livez`, `/readyz`, `/metrics`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Truth = Callable[[], str]
"""What is wrong; "" when nothing is."""


async def serve(port: int, live: Truth, ready: Truth, count: Callable[[], None]) -> web.AppRunner:
    """Listen on all addresses; the caller ends it with `cleanup`."""

    def probe(truth: Truth) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(_: web.Request) -> web.Response:
            wrong = truth()
            return web.Response(status=503 if wrong else 200, text=(wrong or "ok") + "\n")

        return answer

    async def metrics(_: web.Request) -> web.Response:
        count()
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/livez", probe(live))
    app.router.add_get("/readyz", probe(ready))
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, None, port).start()
    return runner
