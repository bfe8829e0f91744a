"""An API server in the test's own process: objects by their paths, a release as Helm stores it, and answers that fail on demand."""

import base64
import contextlib
import gzip
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

NGINX = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "nginx", "labels": {"app.kubernetes.io/component": "nginx"}},
    "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
}


def revision(number, status="deployed", *, objects=(NGINX,), kind="Secret", name="fogflow"):
    """One revision of a release as Helm stores it."""
    release = {
        "name": name,
        "version": number,
        "info": {
            "status": status,
            "last_deployed": f"2026-03-{number:02d}T08:00:00Z",
            "description": f"revision {number}",
        },
        "chart": {"metadata": {"name": "fogflow-chart", "version": "1.0.0", "appVersion": "3.2.8"}},
        "manifest": "\n---\n".join(map(json.dumps, objects)),
    }
    text = base64.b64encode(gzip.compress(json.dumps(release).encode())).decode()
    labels = {"owner": "helm", "name": name, "version": str(number), "status": status}
    data = text if kind == "ConfigMap" else base64.b64encode(text.encode()).decode()
    meta = {"name": f"sh.helm.release.v1.{name}.v{number}", "namespace": "fogflow", "labels": labels}
    return {"apiVersion": "v1", "kind": kind, "type": "helm.sh/release.v1", "metadata": meta, "data": {"release": data}}


class ApiServer(ThreadingHTTPServer):
    """`objects`: path -> object; a list consists of the objects below its path. `fail`: the status of every response, 0 for normal responses."""

    daemon_threads = True

    def __init__(self, objects):
        super().__init__(("127.0.0.1", 0), _Handler)
        version = {"major": "1", "minor": "37", "gitVersion": "v1.37.0"}
        self.objects, self.fail = {"/version": version, **dict(objects)}, 0

    def kubeconfig(self, folder):
        """A kubeconfig file for it."""
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "fake",
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.server_port}"}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "fake", "context": {"cluster": "c", "user": "u"}}],
        }  # fmt: skip
        path = folder / "kubeconfig"
        path.write_text(json.dumps(config))
        return path

    def handle_error(self, request, client_address):
        """Nothing: tests close connections on purpose."""


def _has(obj, selector):
    """Whether an object has the labels of a selector like a=b,c in (d,e)."""
    labels = (obj.get("metadata") or {}).get("labels") or {}
    terms = re.findall(r"([\w./-]+)(?: in \(([^)]*)\)|=([^,]+))", selector)
    return all(labels.get(key) in (some.split(",") if some else [one]) for key, some, one in terms)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        url = urlsplit(self.path)
        path, found = url.path, server.objects.get(url.path)
        selector = dict(parse_qsl(url.query)).get("labelSelector", "")
        below = [o for p, o in server.objects.items() if p.rpartition("/")[0] == path and _has(o, selector)]
        status, body = 200, found
        if server.fail:
            status, body = server.fail, {"message": "refused by the test"}
        elif found is None and path.rpartition("/")[2] in {"nginx", "kube-system"}:
            status, body = 404, {"message": "not found"}
        elif found is None and "as=Table" in self.headers["Accept"]:
            body = {"kind": "Table", "columnDefinitions": [{"name": "Status"}], "rows": []}
        elif found is None:
            kind = {"secrets": "SecretList", "configmaps": "ConfigMapList"}.get(path.rpartition("/")[2], "List")
            body = {"kind": kind, "apiVersion": "v1", "metadata": {}, "items": below}
        self._send(status, body)

    def do_PATCH(self):
        """A server-side apply, which changes nothing here."""
        self._send(200, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _send(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(objects=()):
    """An API server for the time of the block."""
    server = ApiServer(objects)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def stored(*revisions, kind="Secret"):
    """A release's objects by their paths."""
    root = f"/api/v1/namespaces/fogflow/{kind.lower()}s"
    return {f"{root}/{each['metadata']['name']}": each for each in revisions}
