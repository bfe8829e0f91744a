"""A real RabbitMQ on this machine's loopback: the program of the tests' image, in namespaces of its own that end with it."""

import json
import shutil
import signal
import subprocess
import tarfile
import time
from pathlib import Path

from tests.ports import free_port, is_open
from tests.real import images

USER, PASSWORD = "fogflow", "local-only"
_START = 'mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" && exec chroot "$0" /usr/lib/rabbitmq/bin/rabbitmq-server'


class Rabbit:
    """In a folder of its own. Started with `start`, ended with `kill`, like a power cut; its data are kept until `remove`."""

    def __init__(self, work):
        self.root = Path(work).absolute() / "rabbitmq-root"
        self.port, self.metrics = free_port(), free_port()
        self._process = None
        _unpack(self.root)
        shutil.rmtree(self.root / "tmp/data", ignore_errors=True)
        (self.root / "tmp/data").mkdir()
        user = {"name": USER, "password": PASSWORD, "tags": []}
        rights = {"user": USER, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
        (self.root / "tmp/definitions.json").write_text(
            json.dumps({"users": [user], "vhosts": [{"name": "/"}], "permissions": [rights]})
        )
        (self.root / "tmp/rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\nprometheus.tcp.port = {self.metrics}\nprometheus.tcp.ip = 127.0.0.1\n"
            "load_definitions = /tmp/definitions.json\nlog.console = true\nlog.file = false\n"
        )
        (self.root / "tmp/plugins").write_text("[rabbitmq_prometheus].\n")

    @property
    def url(self):
        return f"amqp://{USER}:{PASSWORD}@127.0.0.1:{self.port}/"

    def start(self):
        env = {
            "PATH": "/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/tmp",
            "RABBITMQ_NODENAME": f"rabbit{self.port}@localhost", "RABBITMQ_CONFIG_FILE": "/tmp/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": "/tmp/plugins", "RABBITMQ_MNESIA_BASE": "/tmp/data",
            "RABBITMQ_LOG_BASE": "/tmp", "RABBITMQ_DIST_PORT": str(free_port()), "ERL_EPMD_PORT": str(free_port()),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}",
        }  # fmt: skip
        apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _START, str(self.root)]
        with (self.root.parent / "rabbitmq.log").open("w") as log:
            self._process = subprocess.Popen(apart, env=env, stdout=log, stderr=log, start_new_session=True)
        self._wait(True)

    def kill(self):
        """At once, as a power cut."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._wait(False)

    def remove(self):
        """End it, and leave nothing."""
        if self._process and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self.root.parent, ignore_errors=True)

    def _wait(self, there):
        end = time.monotonic() + 120
        while is_open(self.port) != there:
            assert time.monotonic() < end, (self.root.parent / "rabbitmq.log").read_text()[-2000:]
            assert not there or self._process.poll() is None, (self.root.parent / "rabbitmq.log").read_text()[-2000:]
            time.sleep(0.1)


def _unpack(root):
    if not (root / "tmp").exists():
        kept = Path(__file__).parents[1] / ".work/images"
        kept.mkdir(parents=True, exist_ok=True)
        made = images.build(kept, names=["rabbitmq"])["rabbitmq"]
        with tarfile.open(made) as archive:
            manifest = json.load(archive.extractfile("manifest.json"))[0]
            for layer in manifest["Layers"]:
                with tarfile.open(fileobj=archive.extractfile(layer)) as files:
                    files.extractall(root, filter="tar")
    (root / "tmp").chmod(0o1777)
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
