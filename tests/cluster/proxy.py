"""A proxy in front of the API server that misbehaves: slow, hanging, breaking connections, answering 429, 503 or 410."""

import base64
import contextlib
import itertools
import json
import select
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import urllib3

HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}
LONG = urllib3.Timeout(connect=5, read=600)


class Proxy(ThreadingHTTPServer):
    """Listens on loopback, plain HTTP and without a login: it has the administrator's. `fault` is asked for every request."""

    daemon_threads = True

    def __init__(self, config, folder, fault):
        super().__init__(("127.0.0.1", 0), Request)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        ca, cert, key = (folder / f"proxy.{name}" for name in ("ca", "cert", "key"))
        ca.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
        cert.write_bytes(base64.b64decode(user["client-certificate-data"]))
        key.write_bytes(base64.b64decode(user["client-key-data"]))
        context = ssl.create_default_context(cafile=ca)
        context.load_cert_chain(cert, key)
        self.pool = urllib3.PoolManager(ssl_context=context, maxsize=32, retries=False)
        self.upstream, self.fault, self.numbers, self.met = cluster["server"], fault, itertools.count(1), []
        self.ended = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.shutdown()
        self.server_close()
        self.pool.clear()


class Request(BaseHTTPRequestHandler):
    """One request: the fault's, or passed on."""

    protocol_version = "HTTP/1.1"

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.forward
        raise AttributeError(name)

    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.fault(self, next(self.server.numbers)):
            return
        headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP}
        url = self.server.upstream + self.path
        answer = self.server.pool.request(self.command, url, body=body, headers=headers, preload_content=False, decode_content=False, timeout=LONG)  # fmt: skip
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in HOP:
                self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with contextlib.closing(answer):
            while data := answer.read1(65536):  # a watch is passed on as it comes
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def meet(self):
        """Note that this request met the fault, so that a test can tell that any did."""
        self.server.met.append((self.command, self.path))

    def answer(self, code, reason, **headers):
        """A Status, as the API server would send it."""
        self.meet()
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}
        body = json.dumps({**status, "message": f"the proxy says {reason}"}).encode()
        self.send_response(code)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def drop(self):
        self.meet()
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_):
        pass

    def handle(self):
        with contextlib.suppress(OSError, urllib3.exceptions.HTTPError, ValueError):
            super().handle()


def slow(seconds):
    def fault(request, _number):
        request.meet()
        time.sleep(seconds)

    return fault


def dropping(every):
    def fault(request, number):
        if number % every == 0:
            request.drop()
            return True
        return False

    return fault


def hanging(every, only=lambda _: True):
    """Takes every so manieth request and says nothing, until the client hangs up or the proxy ends."""

    def fault(request, number):
        if number % every or not only(request):
            return False
        request.meet()
        request.close_connection = True
        while not request.server.ended.wait(0.2):
            if select.select([request.connection], [], [], 0)[0]:  # the client has hung up
                break
        return True

    return fault


def refusing(code, reason, every, only=lambda _: True, **headers):
    def fault(request, number):
        if number % every == 0 and only(request):
            request.answer(code, reason, **headers)
            return True
        return False

    return fault
