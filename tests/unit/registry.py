"""A registry in this process that gives the answers it is told to give: the odd ones, which real registries give rarely."""

import contextlib
import json
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fogflow_k8s.adapters.registry.client import Registry
from fogflow_k8s.adapters.registry.http import Client
from fogflow_k8s.model.image.reference import digest_of

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def index(*platforms):
    """An index for these platforms, as bytes."""
    entries = []
    for platform in platforms:
        os, architecture, *variant = platform.split("/")
        named = {"os": os, "architecture": architecture} | ({"variant": variant[0]} if variant else {})
        entries.append({"mediaType": MANIFEST, "digest": digest_of(platform.encode()), "size": 1, "platform": named})
    return json.dumps({"mediaType": INDEX, "manifests": entries}).encode()


class Stub:
    """`answers`: (method, path) -> (status, headers, body), or a function of the request that gives that."""

    def __init__(self, answers=None):
        self.answers = answers or {}
        self.asked = []  # (method, path with query, headers)
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                stub.asked.append((self.command, self.path, dict(self.headers)))
                path = self.path.partition("?")[0]
                answer = stub.answers.get((self.command, path)) or stub.answers.get(path) or (404, {}, b"")
                status, headers, body = answer(self) if callable(answer) else answer
                self.send_response(status)
                for key, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(key, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_PUT = handle_one  # noqa: N815 - http.server's names

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_address[1]}"

    def image(self, repository="fogflow/broker", tag="1", body=None, **headers):
        """Let it have an image."""
        body = body or index("linux/amd64")
        answer = (200, {"Content-Type": INDEX, "Docker-Content-Digest": digest_of(body), **headers}, body)
        for version in (tag, digest_of(body)):
            self.answers[f"/v2/{repository}/manifests/{version}"] = answer

    def registry(self, login=None, **options):
        return Registry(Client(self.host, login, **options))


@contextlib.contextmanager
def serving(stub, certificate=None):
    """The stub answers, over TLS when it has a certificate (a file with key and certificate)."""
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        stub.server.socket = context.wrap_socket(stub.server.socket, server_side=True)
    thread = threading.Thread(target=stub.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        stub.server.shutdown()
        stub.server.server_close()
        thread.join()


def bearer(token="t0ken", accept=lambda _: True):
    """Answers of a registry that hands out tokens to whom `accept` (a function of the Authorization header) likes."""

    def guarded(answer):
        def answers(request):
            if request.headers.get("Authorization") == f"Bearer {token}":
                return answer
            realm = f"http://{request.headers['Host']}/token"
            return 401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="stub",scope="repository:x:pull"'}, b""

        return answers

    def tokens(request):
        said = request.body.decode() if request.command == "POST" else request.headers.get("Authorization", "")
        if not accept(said):
            return 401, {}, json.dumps({"errors": [{"code": "DENIED", "message": "who are you"}]}).encode()
        return 200, {"Content-Type": "application/json"}, json.dumps({"token": token, "expires_in": 300}).encode()

    return guarded, tokens


def slow(seconds):
    """An answer that does not come in time."""

    def answer(_):
        time.sleep(seconds)
        return 200, {}, b""

    return answer


def certificate(path):
    """Write a certificate that nobody signed, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stub")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return path
