"""A cloud as an edge meets it, scripted: a RabbitMQ that speaks as much AMQP as is asked of it, discovery, and broker."""

import contextlib
import json
import socket
import struct
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fogflow_k8s.model.edge.token import Endpoint, Token, user_of

PASSWORD = "password-of-edge"
END = b"\xce"


def token(cloud, **other):
    """A good token for a scripted cloud."""
    now = int(time.time())
    about = {
        "id": "0123456789abcdef", "site": "002", "user": user_of("002"), "password": PASSWORD, "issued": now, "expires": now + 3600,
        "broker_name": "cloud-broker.fogflow.svc.cluster.local", "cloud_site": "001",
    }  # fmt: skip
    ends = {
        "rabbitmq": Endpoint("127.0.0.1", cloud.rabbitmq.port),
        "discovery": Endpoint("127.0.0.1", cloud.discovery.port),
        "broker": Endpoint("127.0.0.1", cloud.broker.port),
    }
    return Token(**{**about, **ends, **other})


class Cloud:
    """All three; `queues` are the consumers by queue, `brokers` what discovery lists."""

    def __init__(self):
        self.arguments, self.declaring = {}, threading.Lock()
        self.queues, self.brokers, self.ahead_s = {}, {"Broker.001": {"id": "Broker.001"}}, 0.0
        self.rabbitmq = Rabbit(self)
        self.discovery = Web(self, lambda path: self.brokers if path == "/ngsi9/broker" else "ok")
        self.broker = Web(self, lambda _: "fake")

    def close(self):
        for each in (self.rabbitmq, self.discovery, self.broker):
            each.close()


class Web:
    """Answers every GET with what `says` makes of its path; its clock is the cloud's."""

    def __init__(self, cloud, says):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                data = json.dumps(says(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def date_time_string(self, _=None):
                return formatdate(time.time() + cloud.ahead_s, usegmt=True)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Rabbit:
    """One user, one password; `how` makes it misbehave: silent, stranger (another protocol), or rude (hangs up on a bad login)."""

    def __init__(self, cloud, how=""):
        self.cloud, self.how, self.heard = cloud, how, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self.socket.accept()[0],), daemon=True).start()

    def _serve(self, peer):
        with peer, contextlib.suppress(OSError, ValueError, struct.error):
            peer.settimeout(20)
            if self.how == "silent":
                peer.recv(100)
                time.sleep(20)
            if self.how == "stranger":
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return
            self._talk(peer)

    def _talk(self, peer):
        assert _read(peer, 8) == b"AMQP\x00\x00\x09\x01"
        _send(peer, 0, (10, 10), b"\x00\x09" + _long(b"") + _long(b"PLAIN") + _long(b"en_US"))
        _, _, body = _hear(peer)
        self.heard.append(body)
        if f"\0{user_of('002')}\0{PASSWORD}".encode() not in body:
            if self.how != "rude":
                _send(
                    peer,
                    0,
                    (10, 50),
                    struct.pack(">H", 403) + _short("ACCESS_REFUSED - Login was refused") + b"\0\0\0\0",
                )
            return
        _send(peer, 0, (10, 30), struct.pack(">HIH", 2047, 131072, 60))
        peer.sendall(struct.pack(">BHI", 8, 0, 0) + END)  # a heartbeat comes whenever it likes
        _hear(peer)
        _hear(peer)
        _send(peer, 0, (10, 41), _short(""))
        while True:
            channel, method, body = _hear(peer)
            if method == (20, 10):
                _send(peer, channel, (20, 11), _long(b""))
            elif method == (20, 40):
                _send(peer, channel, (20, 41), b"")
            elif method == (50, 10):
                self._declare(peer, channel, body)

    def _declare(self, peer, channel, body):
        size = body[2]
        queue, how = body[3 : 3 + size].decode(), body[3 + size]
        same = True
        with self.cloud.declaring:
            if not how & 1:
                same = self.cloud.arguments.get(queue, body[4 + size :]) == body[4 + size :] or "forbidden" in queue
                if queue not in self.cloud.queues:
                    self.cloud.queues[queue] = 0
                    self.cloud.arguments[queue] = body[4 + size :]
                elif queue not in self.cloud.arguments:
                    same = body[4 + size :] == _long(b"")
        if not same:
            _send(
                peer,
                channel,
                (20, 40),
                struct.pack(">H", 406) + _short("PRECONDITION_FAILED - inequivalent arg") + b"\0\0\0\0",
            )
        elif "forbidden" in queue:
            _send(peer, channel, (20, 40), struct.pack(">H", 403) + _short("ACCESS_REFUSED") + b"\0\0\0\0")
        elif queue in self.cloud.queues:
            _send(peer, channel, (50, 11), _short(queue) + struct.pack(">II", 0, self.cloud.queues[queue]))
        else:
            _send(peer, channel, (20, 40), struct.pack(">H", 404) + _short("NOT_FOUND") + b"\0\0\0\0")


def _hear(peer):
    _, channel, size = struct.unpack(">BHI", _read(peer, 7))
    content = _read(peer, size + 1)[:-1]
    return channel, struct.unpack(">HH", content[:4]), content[4:]


def _send(peer, channel, method, body):
    content = struct.pack(">HH", *method) + body
    peer.sendall(struct.pack(">BHI", 1, channel, len(content)) + content + END)


def _read(peer, size):
    data = b""
    while len(data) < size:
        chunk = peer.recv(size - len(data))
        if not chunk:
            raise ValueError
        data += chunk
    return data


def _short(text):
    return bytes([len(text)]) + text.encode()


def _long(data):
    return struct.pack(">I", len(data)) + data
