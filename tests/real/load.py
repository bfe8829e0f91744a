"""A constant, bounded load on the reverse proxy, and what came of it."""

import http.client
import threading
import time

from tests.scope import ALL


class Load:
    """Clients that ask at a fixed rate until they are told to stop.

    With keep-alive, a request on a kept connection that was closed before any byte of an answer came is sent once more on a new
    one: HTTP lets a server close an idle connection at any time, and every browser, Go and Java client does the same (RFC 9110,
    9.2.2). `again` counts them. Without keep-alive nothing is ever sent twice.
    """

    def __init__(self, host, port=80, path="/ngsi9/status", clients=8, rate=200.0, *, keep_alive):
        self.host, self.port, self.path, self.keep_alive = host, port, path, keep_alive
        self.pause = clients / rate
        self.asked, self.again, self.failed = 0, 0, []
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads = [
            threading.Thread(target=self._client, args=(n * self.pause / clients,)) for n in range(clients)
        ]

    def assert_none_lost(self):
        """No request failed. Beside other tests on two cores one in a thousand may.

        kube-proxy, which has to learn that a pod ends, may get its turn later there than the 6 s for which nginx waits.
        """
        most = 0 if ALL else self.asked // 1000
        assert len(self.failed) <= most, f"{len(self.failed)} of {self.asked}: {self.failed[:5]}"

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def until(self, asked):
        """Wait for that many requests."""
        end = time.monotonic() + asked * self.pause + 60
        while self.asked < asked and time.monotonic() < end:
            time.sleep(0.05)
        assert self.asked >= asked, f"{self.asked} of {asked} requests"

    def _client(self, offset):
        connection, due = None, time.monotonic() + offset
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due += self.pause
            kept, connection = connection is not None, connection or self._connect()
            failure = self._ask(connection)
            if failure and kept and isinstance(failure, (http.client.RemoteDisconnected, ConnectionError)):
                connection.close()
                connection = self._connect()
                failure = self._ask(connection)
                with self._lock:
                    self.again += 1
            with self._lock:
                self.asked += 1
                if failure:
                    self.failed.append(f"{type(failure).__name__}: {failure}")
            if failure or not self.keep_alive or connection.sock is None:
                connection.close()
                connection = None
        if connection:
            connection.close()

    def _connect(self):
        return http.client.HTTPConnection(self.host, self.port, timeout=10)

    def _ask(self, connection):
        """What went wrong, or None."""
        try:
            connection.request("GET", self.path, headers={} if self.keep_alive else {"Connection": "close"})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            return error
        return None if answer.status == http.client.OK else ValueError(f"HTTP {answer.status}")
