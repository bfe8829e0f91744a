"""As much of AMQP 0-9-1 as it takes to prove a login and to count the consumers of a queue.

Standard library only, and nothing of this package: the edge's keeper runs this very file in a stock Python image. Frames and
methods as in the AMQP 0-9-1 specification; `authentication_failure_close` is RabbitMQ's extension, by which a refused login
is told and not only hung up on.
"""

from __future__ import annotations

import secrets
import socket
import struct
from types import TracebackType
from typing import Self

_HEADER = b"AMQP\x00\x00\x09\x01"
_METHOD, _HEARTBEAT, _END = 1, 8, 0xCE
_LARGEST = 1 << 20
_START, _START_OK, _TUNE, _TUNE_OK, _OPEN, _OPEN_OK, _CLOSE, _CLOSE_OK = (
    (10, number) for number in (10, 11, 30, 31, 40, 41, 50, 51)
)
_CHANNEL_OPEN, _CHANNEL_OPEN_OK, _CHANNEL_CLOSE, _CHANNEL_CLOSE_OK = ((20, number) for number in (10, 11, 40, 41))
_DECLARE, _DECLARE_OK = (50, 10), (50, 11)
_PASSIVE, _DURABLE = 1, 2
_REFUSED, _NOT_FOUND, _DIFFERENT = 403, 404, 406


class AmqpError(OSError):
    """The other side is no AMQP 0-9-1, or ended the conversation; the message is in its own words."""


class LoginRefused(AmqpError):
    """It is a RabbitMQ, and does not know this user or this password."""


class Session:
    """A login at a RabbitMQ, on the vhost /. Every step is bounded by `timeout_s` seconds.

    Raises OSError when nobody is there, AmqpError when it is no AMQP, LoginRefused when it refuses the login.
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
        """How many consume from a queue; None when there is no such queue. Raises AmqpError.

        A passive declaration: it makes nothing.
        """
        return self._declare(queue, _PASSIVE)

    def claim(self, queue: str) -> bool:
        """Make a durable queue; False when it exists already, whoever made it. Of several at once one alone makes it. Raises AmqpError.

        RabbitMQ accepts a second declaration with the same properties and refuses one with others: a limit of random length,
        which an empty queue never meets, makes each declaration different.
        """
        limit = _short("x-max-length") + b"I" + struct.pack(">i", 1 + secrets.randbelow(2**31 - 1))
        return self._declare(queue, _DURABLE, limit) is not None

    def _declare(self, queue: str, how: int, arguments: bytes = b"") -> int | None:
        """The queue's consumers; None when there is no such queue, or one with other properties."""
        self._send(1, _CHANNEL_OPEN, _short(""))
        self._expect(_CHANNEL_OPEN_OK)
        self._send(1, _DECLARE, struct.pack(">H", 0) + _short(queue) + bytes([how]) + _long(arguments))
        method, body = self._method()
        if method == _CHANNEL_CLOSE:
            self._send(1, _CHANNEL_CLOSE_OK)
            code, text = _closed(body)
            if code in (_NOT_FOUND, _DIFFERENT):
                return None
            raise AmqpError(text)
        if method != _DECLARE_OK:
            raise AmqpError(f"it answers a declaration with method {method}")
        self._send(1, _CHANNEL_CLOSE, struct.pack(">H", 200) + _short("") + struct.pack(">HH", 0, 0))
        self._expect(_CHANNEL_CLOSE_OK)
        return int(struct.unpack(">I", body[-4:])[0])

    def _log_in(self, user: str, password: str) -> None:
        self._socket.sendall(_HEADER)
        self._expect(_START)
        told = _table({"capabilities": _table({"authentication_failure_close": True})})
        login = f"\0{user}\0{password}".encode()
        self._send(0, _START_OK, _long(told) + _short("PLAIN") + _long(login) + _short("en_US"))
        try:
            limits = self._expect(_TUNE)
        except EOFError as error:  # without the extension a refusal is silence
            raise LoginRefused("it hangs up on this login") from error
        channels, frame = struct.unpack(">HI", limits[:6])
        self._send(0, _TUNE_OK, struct.pack(">HIH", channels, frame, 0))
        self._send(0, _OPEN, _short("/") + _short("") + b"\x00")
        self._expect(_OPEN_OK)

    def _expect(self, wanted: tuple[int, int]) -> bytes:
        method, body = self._method()
        if method == _CLOSE:
            code, text = _closed(body)
            raise LoginRefused(text) if code == _REFUSED else AmqpError(text)
        if method != wanted:
            raise AmqpError(f"it answers with method {method}, not {wanted}")
        return body

    def _send(self, channel: int, method: tuple[int, int], body: bytes = b"") -> None:
        content = struct.pack(">HH", *method) + body
        self._socket.sendall(struct.pack(">BHI", _METHOD, channel, len(content)) + content + bytes([_END]))

    def _method(self) -> tuple[tuple[int, int], bytes]:
        while True:
            head = self._read(7)
            kind, _, size = struct.unpack(">BHI", head)
            if kind not in {_METHOD, _HEARTBEAT} or size > _LARGEST:
                raise AmqpError(f"it speaks something else than AMQP: {head!r}")
            content = self._read(size + 1)
            if content[-1] != _END:
                raise AmqpError("a frame has no end")
            if kind == _METHOD and size >= 4:
                first, second = struct.unpack(">HH", content[:4])
                return (first, second), content[4:-1]

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = self._socket.recv(size - len(data))
            if not chunk:
                raise HungUp(f"it hangs up{': it said ' + repr(data) if data else ''}")
            data += chunk
        return data


class HungUp(AmqpError, EOFError):
    """The connection ended in the middle."""


def _short(text: str) -> bytes:
    data = text.encode()
    return bytes([len(data)]) + data


def _long(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _table(pairs: dict[str, bytes | bool]) -> bytes:
    """The inside of a table of booleans and tables."""
    fields = (
        _short(name) + (b"t" + bytes([value]) if isinstance(value, bool) else b"F" + _long(value))
        for name, value in pairs.items()
    )
    return b"".join(fields)


def _closed(body: bytes) -> tuple[int, str]:
    code, size = struct.unpack(">HB", body[:3])
    return code, body[3 : 3 + size].decode(errors="replace")
