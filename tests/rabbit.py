"""A real RabbitMQ on this machine's loopback: the program of the tests' image, in namespaces of its own that end with it."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import tarfile
import time

from tests import runs
from tests.ports import free_port, is_open
from tests.real import images

USER, PASSWORD = "fogflow", "local-only"
_START = 'mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" && mount --bind "$1" "$0/tmp" && exec chroot "$0" /usr/lib/rabbitmq/bin/rabbitmq-server'


class Rabbit:
    """One at a time in each process of a run. Started with `start`, ended with `kill`, like a power cut; its data are kept. The run ends it.

    Its root is the unpacked image, which all share; what it writes is in a folder of this run.
    """

    def __init__(self):
        self.root, self.own = _unpacked(), runs.folder() / f"rabbitmq-{os.getpid()}"
        self.port, self.metrics = free_port(), free_port()
        self._process = None
        shutil.rmtree(self.own, ignore_errors=True)
        (self.own / "data").mkdir(parents=True)
        self.own.chmod(0o1777)
        user = {"name": USER, "password": PASSWORD, "tags": []}
        rights = {"user": USER, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
        (self.own / "definitions.json").write_text(
            json.dumps({"users": [user], "vhosts": [{"name": "/"}], "permissions": [rights]})
        )
        (self.own / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\nprometheus.tcp.port = {self.metrics}\nprometheus.tcp.ip = 127.0.0.1\n"
            "load_definitions = /tmp/definitions.json\nlog.console = true\nlog.file = false\n"
        )
        (self.own / "plugins").write_text("[rabbitmq_prometheus].\n")

    @property
    def url(self):
        return f"amqp://{USER}:{PASSWORD}@127.0.0.1:{self.port}/"

    def start(self):
        env = {
            runs.VARIABLE: str(runs.folder()),
            "PATH": "/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/tmp",
            "RABBITMQ_NODENAME": f"rabbit{self.port}@localhost", "RABBITMQ_CONFIG_FILE": "/tmp/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": "/tmp/plugins", "RABBITMQ_MNESIA_BASE": "/tmp/data",
            "RABBITMQ_LOG_BASE": "/tmp", "RABBITMQ_DIST_PORT": str(free_port()), "ERL_EPMD_PORT": str(free_port()),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}",
        }  # fmt: skip
        apart = [
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "sh",
            "-c",
            _START,
            str(self.root),
            str(self.own),
        ]
        with (self.own.with_suffix(".log")).open("w") as log:
            self._process = subprocess.Popen(apart, env=env, stdout=log, stderr=log, start_new_session=True)
        self._wait(True)

    def kill(self):
        """At once, as a power cut."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._wait(False)

    def _wait(self, there):
        end = time.monotonic() + 120
        while is_open(self.port) != there:
            assert time.monotonic() < end, (self.own.with_suffix(".log")).read_text()[-2000:]
            assert not there or self._process.poll() is None, (self.own.with_suffix(".log")).read_text()[-2000:]
            time.sleep(0.1)


def _unpacked():
    """The file system of the image, unpacked once on this machine."""
    archive = images.build(names=["rabbitmq"])["rabbitmq"]
    root = archive.with_suffix("")
    with (archive.parent / ".unpack.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            half = archive.with_suffix(".unpacking")
            shutil.rmtree(half, ignore_errors=True)
            with tarfile.open(archive) as outer:
                for layer in json.load(outer.extractfile("manifest.json"))[0]["Layers"]:
                    with tarfile.open(fileobj=outer.extractfile(layer)) as files:
                        files.extractall(half, filter="tar")
            (half / "etc/hosts").write_text("127.0.0.1 localhost\n")
            half.rename(root)
    return root
