"""An HTTP server on loopback that answers from a table and writes down what it was asked."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


class Stub:
    """`answers` maps "METHOD /path" to a body, to (status, body), or to a function of the request's body."""

    def __init__(self, answers=None):
        self.answers, self.asked = dict(answers or {}), []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                sent = json.loads(body) if body else None
                key = f"{self.command} {self.path}"
                outer.asked.append((key, sent, dict(self.headers)))
                found = outer.answers.get(key, outer.answers.get(f"{self.command} {unquote(self.path)}", (404, None)))
                found = found(sent) if callable(found) else found
                status, answer = found if isinstance(found, tuple) else (200, found)
                data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_DELETE = _any  # noqa: N815 - the names that http.server wants

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def calls(self):
        return [key for key, _, _ in self.asked]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@contextlib.contextmanager
def stub(answers=None):
    it = Stub(answers)
    try:
        yield it
    finally:
        it.close()
