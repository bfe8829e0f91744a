"""Real nodes: addresses, files, images and the load balancer of several API servers; everything that needs no root."""

import contextlib
import dataclasses
import ipaddress
import json
import re
import socket
import socketserver
import subprocess
import sys
import tarfile
import threading
from itertools import combinations
from pathlib import Path

import pytest

from fogflow_k8s.engine.waiting import wait_for
from fogflow_k8s.errors import ToolMissing, UsageError
from fogflow_k8s.sandbox import controlplane, images, network, node
from fogflow_k8s.sandbox.network import Network
from fogflow_k8s.sandbox.node import Node
from fogflow_k8s.sandbox.programs import NODE_PACKAGES
from tests.ports import free_port


@pytest.mark.parametrize("ipv6", [False, True])
def test_no_two_sandboxes_share_an_address(ipv6):
    every = [
        ipaddress.ip_network(text) for number in range(network.MAX_NETWORKS) for text in Network(number, ipv6).subnets()
    ]
    assert not any(one.overlaps(other) for one, other in combinations(every, 2))


@pytest.mark.parametrize("ipv6", [False, True])
def test_the_addresses_of_a_sandbox_are_in_its_networks(ipv6):
    net = Network(31, ipv6)
    assert {ipaddress.ip_network(one).version for one in (*net.subnets(), net.pods_of(0))} == {6 if ipv6 else 4}
    assert ipaddress.ip_address(net.dns) in ipaddress.ip_network(net.services)
    assert ipaddress.ip_address(net.node(49)) in ipaddress.ip_network(net.nodes)
    assert ipaddress.ip_network(net.pods_of(49)).subnet_of(ipaddress.ip_network(net.pods))
    assert len(net.link) < 16, "a name of a link has at most 15 letters"


@pytest.mark.parametrize(
    ("routes", "links", "number"),
    [
        ([], [], 0),
        (["10.89.0.0/24"], [], 1),
        (["10.0.0.0/8"], [], None),
        (["10.128.0.0/16", "10.161.7.0/24"], [], 2),
        ([], ["fogflow0"], 1),
        (["default", "192.168.0.0/16"], ["eth0"], 0),
        (["fe80::/64", "fd66:89:0::/64", "fd66:160:1::/112"], [], 2),
    ],
)
def test_a_network_in_use_is_skipped(monkeypatch, routes, links, number):
    answers = {"link": [{"ifname": name} for name in links], "route": [{"dst": target} for target in routes]}
    monkeypatch.setattr(network, "_json", lambda *argv: answers[argv[-1]])
    if number is None:
        with pytest.raises(network.FogflowError, match="no network is free"):
            network.find_free()
    else:
        assert network.find_free(ipv6=any(":" in one for one in routes)).number == number


def example(folder):
    return Node("sandbox-worker", 1, folder / "nodes/sandbox-worker", folder, "fogflow-k8s-x-0/sandbox-worker",
                Network(0), 110, 2048)  # fmt: skip


def test_with_ipv6_a_node_has_no_ipv4_address(tmp_path, monkeypatch):
    monkeypatch.setattr(node, "_cni_folder", lambda: Path("/cni"))
    it = dataclasses.replace(example(tmp_path), net=Network(0, ipv6=True))
    node.write_files(it, {name: Path(f"/programs/{name}") for name in NODE_PACKAGES}, "[fd66:89::1]:5000")
    files = [path.read_text() for path in it.folder.rglob("*") if path.is_file()]
    found = {address for text in files for address in re.findall(r"\d+\.\d+\.\d+\.\d+", text)}
    assert found <= {"127.0.0.1"}
    assert node.node_object(it, [])["spec"]["podCIDR"] == "fd66:128:0:1::/64"


def test_the_files_of_a_node_match_the_golden_file(tmp_path, monkeypatch, golden):
    monkeypatch.setattr(node, "_cni_folder", lambda: Path("/cni"))
    monkeypatch.setattr(node.shutil, "which", lambda name, **_: f"/usr/sbin/{name}")
    monkeypatch.setattr(node.os, "sysconf", lambda name: {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 2**20}[name])
    monkeypatch.setattr(node, "architecture", lambda: "amd64")
    it = example(tmp_path)
    it.folder.mkdir(parents=True)
    node.write_files(it, {name: Path("/bin") / name for name in NODE_PACKAGES}, "10.89.0.1:5000")
    files = sorted(file for file in it.folder.rglob("*") if file.is_file())
    text = "".join(f"--- {file.relative_to(it.folder)}\n{file.read_text()}\n" for file in files)
    golden("node-files.txt", text.replace(str(tmp_path), "/sandbox"))
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)


def test_all_missing_prerequisites_are_reported_together(monkeypatch):
    monkeypatch.setattr(node.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(node.shutil, "which", lambda name, **_: None if name in {"runc", "nft"} else name)
    monkeypatch.setattr(node, "_cni_folder", lambda: None)
    with pytest.raises(ToolMissing) as met:
        node.check_machine()
    assert all(word in met.value.message for word in ("root", "runc", "nft", "CNI plugins"))
    assert "apt-get install containernetworking-plugins nftables runc" in met.value.hint


@pytest.mark.parametrize(
    ("tag", "path"),
    [
        ("nginx:1", "library/nginx:1"),
        ("docker.io/nginx:1", "library/nginx:1"),
        ("docker.io/fogflow/master:3.2.8", "fogflow/master:3.2.8"),
        ("fogflow/master:3.2.8", "fogflow/master:3.2.8"),
        ("registry.k8s.io/pause:3.10", "pause:3.10"),
        ("localhost:5000/a/b:c", "a/b:c"),
    ],
)
def test_a_node_finds_an_image_by_the_name_that_a_pod_gives(tag, path):
    assert images.registry_path(tag) == path


def test_an_archive_has_one_program_and_one_name(tmp_path):
    (tmp_path / "pause").write_bytes(b"\x7fELF")
    archive = images.write_archive(tmp_path / "images" / "pause.tar", images.PAUSE, tmp_path / "pause")
    assert images.tags_of(archive) == [images.PAUSE]
    with tarfile.open(archive) as outer, tarfile.open(fileobj=outer.extractfile("layer.tar")) as layer:
        assert [(member.name, member.mode) for member in layer] == [("pause", 0o755)]


@pytest.mark.parametrize(
    ("content", "why"), [(b"", "it is empty"), (b"no tar", "it is no tar file"), (None, "No such file or directory")]
)
def test_a_file_that_is_not_an_archive_is_refused(tmp_path, content, why):
    file = tmp_path / "image.tar"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=f"not an image archive: {why}$"):
        images.tags_of(file)


def test_an_archive_loaded_again_replaces_the_first(tmp_path):
    (tmp_path / "kept").mkdir()
    for content in ("one", "two"):
        file = tmp_path / f"{content}.tar"
        file.write_text(content)
        images.store_archive(file, ["a:1"], tmp_path / "kept")
    assert [file.read_text() for file in (tmp_path / "kept").iterdir()] == ["two"]


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        with contextlib.suppress(OSError):
            while data := self.request.recv(100):
                self.request.sendall(data)


@contextlib.contextmanager
def echo():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_the_load_balancer_passes_connections_and_closes_those_of_a_lost_backend(tmp_path):
    with contextlib.ExitStack() as stack:
        members = [stack.enter_context(echo()) for _ in range(2)]
        port = free_port()
        backends = [f"127.0.0.1:{member.server_address[1]}" for member in members]
        (tmp_path / "spec.json").write_text(json.dumps({"listen": f"127.0.0.1:{port}", "backends": backends}))
        argv = [sys.executable, "-I", "-S", str(controlplane.LOAD_BALANCER), str(tmp_path / "spec.json")]
        balancer = stack.enter_context(subprocess.Popen(argv))
        stack.callback(balancer.kill)
        first, second = (stack.enter_context(talk(port)) for _ in range(2))
        members[0].shutdown()
        members[0].server_close()
        ended = [ends(connection) for connection in (first, second)]
        assert sorted(ended) == [False, True], "those of the lost member, and no others"
        for _ in range(4):
            stack.enter_context(talk(port))


def talk(port):
    def connect():
        with contextlib.suppress(OSError):
            return socket.create_connection(("127.0.0.1", port), timeout=5)

    connection = wait_for("the load balancer", connect, bool, timeout_s=30, every_s=0.05)
    connection.sendall(b"hello")
    assert connection.recv(5) == b"hello"
    return connection


def ends(connection):
    connection.settimeout(3)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True
