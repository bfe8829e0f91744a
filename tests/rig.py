"""Our worker as a program on this machine, against a real API server and a real RabbitMQ, with the fakes of discovery
and broker; and somebody who speaks as the master does, and hears what the worker says.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from functools import cache
from pathlib import Path

import aio_pika

from tests import waiting
from tests.ports import free_port, is_open
from tests.rabbit import Rabbit
from tests.real import images

ID = "Worker.001"
UPSTREAM = 4.8
"""Tasks a second that upstream's worker launches, by its client's own limits (10 at once, then 5 a second)."""


class Master:
    """Publishes on the exchange as the master does; `heard` is what workers say, in order."""

    def __init__(self, url):
        self.url, self.heard = url, []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._connection = self._exchange = None
        self.connect()

    def connect(self):
        self._do(self._open())

    def say(self, kind, *payloads):
        """One message for each payload, in order; back when RabbitMQ has confirmed all."""
        self._do(self._publish(kind, payloads))

    def states(self):
        """The last word on each task."""
        return {p["TaskID"]: p["Status"] for kind, p, _ in list(self.heard) if kind == "TASK_UPDATE"}

    def forget(self):
        """Take the worker's queue away, and what is still in it."""
        self._do(self._forget())

    def close(self):
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, what, timeout=120):
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(timeout)

    async def _open(self):
        if self._connection is not None:
            # its server was lost: what the connection still holds is let go here, and not by chance in a later test
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._connection.close(), 5)
        self._connection = await aio_pika.connect(self.url)
        channel = await self._connection.channel()
        self._exchange = await channel.declare_exchange("fogflow", "topic", durable=True, auto_delete=True)
        queue = await channel.declare_queue("", exclusive=True)
        for key in ("task.", "heartbeat.*"):
            await queue.bind("fogflow", key)
        await queue.consume(self._hear, no_ack=True)

    async def _forget(self):
        if self._connection.is_closed:  # a test has ended its RabbitMQ
            await self._open()
        channel = await self._connection.channel()
        await channel.queue_delete(f"fogflow-k8s.{ID}")

    async def _close(self):
        if not self._connection.is_closed:
            await self._connection.close()
        await asyncio.sleep(0.1)  # a transport closes its socket a little later

    async def _hear(self, delivery):
        message = json.loads(delivery.body)
        self.heard.append((message["Type"], message["PayLoad"], time.monotonic()))

    async def _publish(self, kind, payloads):
        """In order, and without waiting for one confirm before the next message: each waits for RabbitMQ's disk."""
        key = f"{ID}."
        said = []
        for each in payloads:
            body = json.dumps({"Type": kind, "RoutingKey": key, "From": "Master.001", "PayLoad": each}).encode()
            message = aio_pika.Message(body, content_type="application/json")
            said.append(asyncio.create_task(self._exchange.publish(message, key, mandatory=False)))
        await asyncio.gather(*said)


class Rig:
    """All of it in one folder. `env` leads to the cluster; the namespace is there already."""

    def __init__(self, folder, env, namespace, capacity=2000):
        self.folder, self.env, self.namespace = Path(folder), env, namespace
        self.rabbit = _running_rabbit()
        self.ports = {name: free_port() for name in ("discovery", "broker")}
        self.config = self.folder / "config.json"
        self.config.write_text(json.dumps(self._config(capacity)))
        self.config.chmod(0o600)
        self.processes = {}
        self.master = None

    def start(self):
        for name in self.ports:
            self.start_program(name)
        self.master = Master(self.rabbit.url)

    def start_program(self, name):
        """A fake; back when its port is open."""
        self._run(name, [images.program(name), "-f", self.config])
        until(lambda: is_open(self.ports[name]), f"{name} listens")

    def start_worker(self, name="worker", *, second=False):
        """A replica of the worker, back when it consumes (the second of two: when it listens); its metrics' port."""
        port = free_port()
        before = self.count("consuming", name)
        argv = [
            sys.executable,
            "-m",
            "fogflow_k8s.worker",
            "-f",
            self.config,
            "--port",
            str(port),
            "--kubeconfig",
            self.env["KUBECONFIG"],
        ]
        self._run(name, argv)
        until(lambda: is_open(port) and (second or self.count("consuming", name) > before), f"{name} is there")
        return port

    def _run(self, name, argv):
        with (self.folder / f"{name}.log").open("a") as log:
            self.processes[name] = subprocess.Popen(argv, env={**os.environ, **self.env}, stdout=log, stderr=log)

    def count(self, event, name="worker"):
        """How often a replica said that."""
        return [line["event"] for line in self.lines(name)].count(event)

    def kill(self, name):
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def lines(self, name="worker"):
        """What a replica said, as objects."""
        log = self.folder / f"{name}.log"
        text = log.read_text() if log.exists() else ""
        return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]

    def stop(self):
        for name in list(self.processes):
            self.kill(name)
        if self.master:
            self.master.forget()
            self.master.close()

    def broker(self, path, body=None):
        """The broker's answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports['broker']}/ngsi10{path}", data)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def told(self):
        """Whom the broker tells of what, for each of its subscriptions."""
        return sorted((s["reference"], s["entities"][0]["id"]) for s in self.broker("/subscription").values())

    def _config(self, capacity):
        here = "127.0.0.1"
        return {
            "site_id": "001", "my_hostip": here, "physical_location": {"latitude": 35.7, "longitude": 139.7},
            "discovery": {"host_ip": here, "http_port": self.ports["discovery"]},
            "broker": {"host_ip": here, "http_port": self.ports["broker"], "heartbeat_interval": 5},
            "rabbitmq": {"host_ip": here, "port": self.rabbit.port, "username": "fogflow", "password": "local-only"},
            "worker": {"app_namespace": self.namespace, "capacity": capacity},
        }  # fmt: skip


@cache
def _running_rabbit():
    """One for all rigs of this process: its start costs more than what a test does with it."""
    it = Rabbit()
    it.start()
    return it


def until(check, what, seconds=120):
    """As tests.waiting.until, with the patience that a worker and its bus need."""
    return waiting.until(check, what, seconds, every=0.05)
