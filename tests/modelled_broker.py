"""A broker and discovery in one process with known properties, for tests of the load generator.

It answers after a fixed delay, stalls for a time, admits a number of requests per second, and loses or repeats notifications. It can
also do what FogFlow's tasks do: publish an output for each update of an entity of a type.
"""

import http.client
import itertools
import json
import re
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Broker:
    """The state and the properties: seconds, requests per second, and every how many notifications one is lost or repeated.

    `processes`: the types of the inputs and of the outputs of its tasks.
    """

    def __init__(
        self, *, delay_s=0.0, stall=None, limit=0.0, loses_every=0, repeats_every=0, status=200, processes=None
    ):
        self.processes = processes
        self.delay_s, self.stall, self.limit, self.status = delay_s, stall, limit, status
        self.loses_every, self.repeats_every = loses_every, repeats_every
        self.entities, self.subscriptions, self.registrations, self.requests = {}, {}, {}, []
        self.begin, self.free_at = time.monotonic(), 0.0
        self._told, self._ids, self._lock = itertools.count(1), itertools.count(1), threading.Lock()

    def wait(self):
        """Sleep as long as the properties say: one queue for all requests, first come first served."""
        now = time.monotonic()
        until = now + self.delay_s
        if self.limit:
            with self._lock:
                self.free_at = max(self.free_at, now) + 1 / self.limit
                until = max(until, self.free_at)
        if self.stall:
            every_s, for_s = self.stall
            into_s = (now - self.begin) % every_s
            until = max(until, now + for_s - into_s if into_s < for_s else 0.0)
        time.sleep(max(until - time.monotonic(), 0.0))

    def answer(self, method, path, body):
        """Status and document."""
        self.requests.append((method, path))
        if path == "/ngsi10/updateContext":
            return self._update(body)
        if path == "/ngsi10/subscribeContext":
            id_ = f"s{next(self._ids)}"
            self.subscriptions[id_] = body
            return 200, {"subscribeResponse": {"subscriptionId": id_}}
        if path == "/ngsi10/subscription":
            return 200, self.subscriptions
        if path == "/ngsi10/entity":
            return 200, list(self.entities.values())
        if method == "DELETE":
            root, _, id_ = path.strip("/").partition("/")[2].partition("/")
            {"subscription": self.subscriptions, "registration": self.registrations}[root].pop(id_, None)
            return 200, None
        if path == "/ngsi9/registerContext":
            (entity,) = body["contextRegistrations"][0]["entities"]
            self.registrations[entity["id"]] = entity
            return 200, {"registrationId": body["registrationId"]}
        if path == "/ngsi9/discoverContextAvailability":
            return 200, self._discovered(body)
        if path == "/ngsi-ld/v1/entityOperations/upsert":
            (entity,) = body
            self.entities[entity["id"]] = {"entityId": {"id": entity["id"], "type": entity["type"]}}
            return 200, None
        return 200, {"contextResponses": []}

    def _discovered(self, body):
        (wanted,) = body["entities"]
        known = [e for e in self.registrations.values() if wanted.get("id") == e["id"] or re.search(wanted.get("type") or "$^", e["type"])]  # fmt: skip
        return {"contextRegistrationResponses": [{"contextRegistration": {"entities": known}}] if known else []}

    def _update(self, body):
        (element,) = body["contextElements"]
        identity = element["entityId"]
        if body["updateAction"] == "DELETE":
            self.entities.pop(identity["id"], None)
            return 200, {"contextResponses": None}
        self.entities[identity["id"]] = element
        for subscription in list(self.subscriptions.values()):
            if re.search(subscription["entities"][0]["type"], identity["type"]):
                self._notify(subscription["reference"], element)
        if self.processes and identity["type"] == self.processes[0]:
            output = {"id": f"Out.{identity['id']}", "type": self.processes[1]}
            self._update({"contextElements": [{**element, "entityId": output}], "updateAction": "UPDATE"})
        return 200, {"contextResponses": None}

    def _notify(self, reference, element):
        measured = element["attributes"][0]["value"] >= 0
        number = next(self._told) if measured else 0
        if self.loses_every and measured and number % self.loses_every == 0:
            return
        times = 2 if self.repeats_every and measured and number % self.repeats_every == 0 else 1
        for _ in range(times):
            _post(
                f"{reference}/notifyContext", {"subscriptionId": "s", "contextResponses": [{"contextElement": element}]}
            )


def _post(url, body):
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.netloc, timeout=5)
    connection.request("POST", where.path, json.dumps(body), {"Content-Type": "application/json"})
    connection.getresponse().read()
    connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


@contextmanager
def serving(broker):
    """The broker's URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            load = self.headers.get("X-Vegeta-Seq") is not None
            if load:
                broker.wait()
            status, document = (
                (broker.status, None) if load and broker.status != 200 else broker.answer(self.command, self.path, body)
            )
            content = b"" if document is None else json.dumps(document).encode()
            head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
            self.wfile.write(head.encode() + content)

        do_POST = do_DELETE = do_GET  # noqa: N815 - the base class's names

        def log_message(self, *_):
            pass

    with _Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
