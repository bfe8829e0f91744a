"""A minimal AMQP 0-9-1 client: it logs in to RabbitMQ, counts the consumers of a queue, and declares queues.

It uses the standard library only and nothing of this package, because the edge's keeper runs this file in a stock
Python image. Frames and methods follow the AMQP 0-9-1 specification. `authentication_failure_close` is RabbitMQ's
extension: with it, the server sends a reason for a refused login instead of only closing the connection.
"""

from __future__ import annotations

import secrets
import socket
import struct
from types import TracebackType
from typing import Self

_HEADER = b"AMQP\x00\x00\x09\x01"
_METHOD, _HEARTBEAT, _END = 1, 8, 0xCE
_MAX_FRAME_BYTES = 1 << 20
_START, _START_OK, _TUNE, _TUNE_OK, _OPEN, _OPEN_OK, _CLOSE, _CLOSE_OK = (
    (10, number) for number in (10, 11, 30, 31, 40, 41, 50, 51)
)
_CHANNEL_OPEN, _CHANNEL_OPEN_OK, _CHANNEL_CLOSE, _CHANNEL_CLOSE_OK = ((20, number) for number in (10, 11, 40, 41))
_DECLARE, _DECLARE_OK = (50, 10), (50, 11)
_PASSIVE, _DURABLE = 1, 2
_ACCESS_REFUSED, _NOT_FOUND, _PRECONDITION_FAILED = 403, 404, 406


class AmqpError(OSError):
    """The peer does not speak AMQP 0-9-1, or closed the connection; the message is the peer's."""


class LoginRefused(AmqpError):
    """RabbitMQ does not accept this user or password."""


class Session:
    """A connection to RabbitMQ, logged in on the vhost /. Every step takes at most `timeout_s` seconds.

    Raises OSError when nothing listens there, AmqpError when the peer does not speak AMQP, LoginRefused for a refused login.
    """

    def __init__(self, host: str, port: int, user: str, password: str, *, timeout_s: float) -> None:
        self._socket = socket.create_connection((host, port), timeout=timeout_s)
        try:
            self._log_in(user, password)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def consumers(self, queue: str) -> int | None:
        """Return the number of consumers of a queue; None when the queue does not exist. Raises AmqpError.

        The declaration is passive: it creates nothing.
        """
        return self._declare(queue, _PASSIVE)

    def claim(self, queue: str) -> bool:
        """Create a durable queue; return False when it already exists. Of several clients at once, one creates it. Raises AmqpError.

        RabbitMQ accepts a second declaration with the same properties and refuses one with different properties. Each
        declaration here has a random maximum length (which an empty queue never reaches), so the second one is refused.
        """
        limit = _short_string("x-max-length") + b"I" + struct.pack(">i", 1 + secrets.randbelow(2**31 - 1))
        return self._declare(queue, _DURABLE, limit) is not None

    def _declare(self, queue: str, flags: int, arguments: bytes = b"") -> int | None:
        """Return the queue's consumers; None when it does not exist (passive) or has other properties."""
        self._send(1, _CHANNEL_OPEN, _short_string(""))
        self._expect(_CHANNEL_OPEN_OK)
        self._send(1, _DECLARE, struct.pack(">H", 0) + _short_string(queue) + bytes([flags]) + _long_string(arguments))
        method, body = self._method()
        if method == _CHANNEL_CLOSE:
            self._send(1, _CHANNEL_CLOSE_OK)
            code, text = _parse_close(body)
            if code in (_NOT_FOUND, _PRECONDITION_FAILED):
                return None
            raise AmqpError(text)
        if method != _DECLARE_OK:
            raise AmqpError(f"the server answered a queue declaration with method {method}")
        self._send(1, _CHANNEL_CLOSE, struct.pack(">H", 200) + _short_string("") + struct.pack(">HH", 0, 0))
        self._expect(_CHANNEL_CLOSE_OK)
        return int(struct.unpack(">I", body[-4:])[0])

    def _log_in(self, user: str, password: str) -> None:
        self._socket.sendall(_HEADER)
        self._expect(_START)
        client_properties = _table({"capabilities": _table({"authentication_failure_close": True})})
        login = f"\0{user}\0{password}".encode()
        self._send(
            0,
            _START_OK,
            _long_string(client_properties) + _short_string("PLAIN") + _long_string(login) + _short_string("en_US"),
        )
        try:
            limits = self._expect(_TUNE)
        except EOFError as error:  # a server without the extension closes the connection without a reason
            raise LoginRefused("the server closed the connection at login") from error
        channels, frame = struct.unpack(">HI", limits[:6])
        self._send(0, _TUNE_OK, struct.pack(">HIH", channels, frame, 0))
        self._send(0, _OPEN, _short_string("/") + _short_string("") + b"\x00")
        self._expect(_OPEN_OK)

    def _expect(self, wanted: tuple[int, int]) -> bytes:
        method, body = self._method()
        if method == _CLOSE:
            code, text = _parse_close(body)
            raise LoginRefused(text) if code == _ACCESS_REFUSED else AmqpError(text)
        if method != wanted:
            raise AmqpError(f"the server answered with method {method} instead of {wanted}")
        return body

    def _send(self, channel: int, method: tuple[int, int], body: bytes = b"") -> None:
        content = struct.pack(">HH", *method) + body
        self._socket.sendall(struct.pack(">BHI", _METHOD, channel, len(content)) + content + bytes([_END]))

    def _method(self) -> tuple[tuple[int, int], bytes]:
        while True:
            header = self._read(7)
            kind, _, size = struct.unpack(">BHI", header)
            if kind not in {_METHOD, _HEARTBEAT} or size > _MAX_FRAME_BYTES:
                raise AmqpError(f"the server does not speak AMQP: it sent {header!r}")
            content = self._read(size + 1)
            if content[-1] != _END:
                raise AmqpError("the server sent a frame without an end octet")
            if kind == _METHOD and size >= 4:
                first, second = struct.unpack(">HH", content[:4])
                return (first, second), content[4:-1]

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = self._socket.recv(size - len(data))
            if not chunk:
                raise HungUp(f"the server closed the connection{' after sending ' + repr(data) if data else ''}")
            data += chunk
        return data


class HungUp(AmqpError, EOFError):
    """The connection ended in the middle of an exchange."""


def _short_string(text: str) -> bytes:
    data = text.encode()
    return bytes([len(data)]) + data


def _long_string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _table(pairs: dict[str, bytes | bool]) -> bytes:
    """Encode the content of an AMQP table; values are booleans and tables."""
    fields = (
        _short_string(name) + (b"t" + bytes([value]) if isinstance(value, bool) else b"F" + _long_string(value))
        for name, value in pairs.items()
    )
    return b"".join(fields)


def _parse_close(body: bytes) -> tuple[int, str]:
    code, size = struct.unpack(">HB", body[:3])
    return code, body[3 : 3 + size].decode(errors="replace")
