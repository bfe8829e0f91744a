"""Nodes, taints, certificates and command lines: everything that is decided before a process starts."""

import ipaddress
import json
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509

from fogflow_k8s.errors import UsageError
from fogflow_k8s.sandbox import controlplane, pki, simulated
from fogflow_k8s.sandbox.assets import RUNTIME
from fogflow_k8s.sandbox.programs import NODE_PACKAGES, PACKAGES

NODES = ["sandbox-control-plane", "sandbox-worker", "sandbox-worker2"]


@pytest.mark.parametrize(
    ("count", "control_planes", "asked", "tainted"),
    [(3, 1, None, 1), (1, 1, None, 0), (3, 3, None, 0), (1, 1, True, 1), (3, 1, False, 0), (1, 3, None, 3)],
)
def test_a_node_is_left_for_pods_unless_another_thing_is_asked_for(count, control_planes, asked, tainted):
    assert simulated.control_plane_nodes(count, control_planes, asked=asked) == tainted


def test_nodes_are_named_as_kind_names_them():
    assert simulated.node_names(3, control_planes=1) == NODES
    assert simulated.node_names(1, control_planes=1) == NODES[:1]
    assert simulated.node_names(2, control_planes=0) == NODES[1:]
    many = simulated.node_names(4, control_planes=3)
    assert many == ["sandbox-control-plane", "sandbox-control-plane2", "sandbox-control-plane3", "sandbox-worker"]
    assert [name for name in many if simulated.is_control_plane(name)] == many[:3]
    for count, planes in ((0, 1), (5001, 1), (2, 3)):
        with pytest.raises(UsageError):
            simulated.node_names(count, control_planes=planes)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("sandbox-worker=a:NoSchedule", ("sandbox-worker", "a:NoSchedule")),
        ("sandbox-worker2=x.io/a=b:NoExecute", ("sandbox-worker2", "x.io/a=b:NoExecute")),
    ],
)
def test_a_taint_has_kubectls_syntax_after_the_node(text, result):
    assert simulated.parse_taint(text, NODES) == result


@pytest.mark.parametrize("text", ["", "a:NoSchedule", "sandbox-worker", "sandbox-worker=a", "sandbox-worker=a:Never",
                                  "sandbox-worker=:NoSchedule", "nowhere=a:NoSchedule"])  # fmt: skip
def test_a_wrong_taint_is_refused_with_the_syntax(text):
    with pytest.raises(UsageError) as met:
        simulated.parse_taint(text, NODES)
    assert "NODE=KEY[=VALUE]:EFFECT" in met.value.hint


def test_the_control_plane_node_is_tainted_as_usual():
    taints = simulated.taints_by_node(["sandbox-worker=a=b:NoSchedule"], NODES)
    assert taints[NODES[0]] == ["node-role.kubernetes.io/control-plane:NoSchedule"]
    node = simulated.node_object("sandbox-worker", NODES, pods=110, taints=taints["sandbox-worker"], port=1)
    assert node["spec"]["taints"] == [{"key": "a", "value": "b", "effect": "NoSchedule"}]
    assert node["metadata"]["labels"][simulated.SIMULATED_LABEL] == "true"


@pytest.mark.parametrize(("count", "pods"), [(3, 110), (1000, 110), (40, 250), (10, 1000), (2, 10000)])
def test_each_node_has_room_for_its_pods_and_shares_no_address(count, pods):
    networks = [ipaddress.ip_network(simulated.pod_network(number, count, pods)) for number in range(count)]
    assert all(network.num_addresses >= pods + 2 for network in networks)
    assert not any(a.overlaps(b) for a, b in pairwise(networks))


def test_too_many_addresses_are_refused():
    with pytest.raises(UsageError):
        simulated.pod_network(0, 5000, 10000)


@pytest.mark.parametrize(("members", "real"), [(1, False), (3, False), (1, True), (3, True)])
def test_every_flag_of_every_daemon_matches_the_golden_file(golden, members, real):
    """A golden file: after an intended change, write it again and review the difference."""
    names = controlplane.choose_ports(members, real=real)
    plane = controlplane.ControlPlane(
        Path("/sandbox/default"), "10.89.0.1", "10.160.0.0/16", {n: i for i, n in enumerate(names, 1)}, members, real
    )
    programs = {name: Path("/bin") / name for name in [*PACKAGES, *NODE_PACKAGES]}
    lines = controlplane.command_lines(plane, programs)
    assert all(any("/sandbox/default/" in word for word in argv[1:]) for argv in lines.values()), (
        "the proof that it is ours"
    )
    for argv in lines.values():
        argv[:] = [word.replace(str(RUNTIME), "/runtime").replace(sys.executable, "/bin/python") for word in argv]
    golden(f"command-lines-{members}-{'real' if real else 'simulated'}.json", json.dumps(lines, indent=1) + "\n")


def test_ports_are_free_and_different():
    found = controlplane.choose_ports(3, real=False)
    assert len(set(found.values())) == len(found) == 3 * 3 + 2


def test_keys_are_private_and_the_two_authorities_are_separate(tmp_path):
    pki.write_pki(tmp_path / "pki", ["10.89.0.1", "10.160.0.1"], {"sandbox-worker": "10.89.0.11"})
    files = sorted((tmp_path / "pki").iterdir())
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)
    load = {f.stem: x509.load_pem_x509_certificate(f.read_bytes()) for f in files if f.suffix == ".crt"}
    load["apiserver"].verify_directly_issued_by(load["ca"])
    load["etcd"].verify_directly_issued_by(load["etcd-ca"])
    with pytest.raises(ValueError, match="Issuer"):
        load["admin"].verify_directly_issued_by(load["etcd-ca"])
    kubelet = load["kubelet-sandbox-worker"]
    assert kubelet.subject.rfc4514_string() == "CN=system:node:sandbox-worker,O=system:nodes"
    addresses = kubelet.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert addresses.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("10.89.0.11")], "its own, no other"


def test_stages_name_only_questions_that_exist(tmp_path):
    stages = simulated.stages()
    assert len({stage["metadata"]["name"] for stage in stages}) == len(stages)
    simulated.write_stages(tmp_path)
    text = (tmp_path / "stages.yaml").read_text()
    assert "@" not in text.replace("@v", ""), "every placeholder is filled"
