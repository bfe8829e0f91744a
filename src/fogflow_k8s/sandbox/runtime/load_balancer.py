"""A TCP load balancer for several API servers: it passes each connection to a server that answers.

    python -I -S load_balancer.py SPEC.json        SPEC: listen, backends ("address:port")

When a server stops answering, its connections are closed at once, so that clients connect to another server instead
of waiting for minutes.
"""

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

CHECK_EVERY_S, CONNECT_S = 0.5, 1.0
_CHUNK = 1 << 16


class LoadBalancer:
    """The backends that answer, and the connections to each."""

    def __init__(self, backends: "list[str]") -> None:
        self._up = dict.fromkeys(backends, True)
        self._connected: dict[str, set[asyncio.StreamWriter]] = {backend: set() for backend in backends}

    async def watch(self) -> None:
        """Check each backend in a loop; close the connections of one that does not answer."""
        while True:
            for backend in self._up:
                self._up[backend] = await self._answers(backend)
                if not self._up[backend]:
                    for writer in list(self._connected[backend]):
                        writer.transport.abort()
            await asyncio.sleep(CHECK_EVERY_S)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection to the least used backend that accepts it."""
        for backend in sorted(self._up, key=lambda one: (not self._up[one], len(self._connected[one]))):
            with contextlib.suppress(OSError, TimeoutError):
                server = await asyncio.wait_for(_connect(backend), CONNECT_S)
                await self._forward(backend, (reader, writer), server)
                return
        writer.transport.abort()

    async def _forward(self, backend: str, client: "_Connection", server: "_Connection") -> None:
        both = {client[1], server[1]}
        self._connected[backend] |= both
        try:
            await asyncio.gather(_copy(client[0], server[1]), _copy(server[0], client[1]))
        finally:
            self._connected[backend] -= both
            for writer in both:
                writer.transport.abort()

    @staticmethod
    async def _answers(backend: str) -> bool:
        try:
            _, writer = await asyncio.wait_for(_connect(backend), CONNECT_S)
        except (OSError, TimeoutError):
            return False
        writer.transport.abort()
        return True


_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _connect(backend: str) -> _Connection:
    host, _, port = backend.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


async def main(spec: "dict[str, Any]") -> None:
    """Serve until the process is killed."""
    balancer = LoadBalancer(spec["backends"])
    host, _, port = spec["listen"].rpartition(":")
    server = await asyncio.start_server(balancer.serve, host.strip("[]"), int(port), backlog=512)
    async with server:
        await balancer.watch()


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
