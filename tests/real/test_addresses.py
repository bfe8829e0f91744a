"""FogFlow where nodes, pods and Services have addresses of IPv6 only, and where a program finds no IPv6 at all."""

import contextlib
import json
import signal

import pytest

from tests.real import deployed
from tests.real.conftest import Box, released
from tests.scope import only_all

BUDGET_S = 350
OURS = ("--set", "worker.implementation=native,worker.nativeImage.registry=localhost")
PROFILE = "no-ipv6.json"
_EAFNOSUPPORT, _AF_INET6 = 97, 10
_SECCOMP = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{
        "names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": _EAFNOSUPPORT,
        "args": [{"index": 0, "value": _AF_INET6, "op": "SCMP_CMP_EQ"}],
    }],
}  # fmt: skip
"""What a kernel without IPv6 answers to who wants a socket of it."""


@pytest.fixture(scope="module")
def six(home):
    it = Box(home, "six")
    it.up("--nodes", "2", "--ipv6")
    with contextlib.ExitStack() as stack:
        stack.callback(it.sandbox, "down")
        it.load()
        yield it


@only_all
def test_with_ipv6_only(six):
    """Deployed, verified, opened from outside; a lost broker is put back; nobody has an address of IPv4."""
    with released(six, "six", "--external-ip", six.net.node(1), *OURS) as fogflow:
        pods = fogflow.get("pods")["items"]
        addresses = {a["ip"] for pod in pods for a in pod["status"]["podIPs"]}
        addresses |= {s["spec"]["clusterIP"] for s in fogflow.get("services")["items"]}
        assert addresses
        assert not [one for one in addresses if ":" not in one]
        six.tool("verify", "-n", "six")
        shown = six.tool("status", "-n", "six")
        assert f"http://[{six.net.node(1)}]" in shown
        assert "html" in deployed.raw(f"http://[{six.net.node(1)}]/index.html").lower()
        deployed.hit(fogflow.pods("cloud-broker")[0], signal.SIGKILL)
        fogflow.recover()


@only_all
def test_upstreams_worker_is_refused_where_it_could_not_name_its_tasks(six):
    shown = six.tool("deploy", "-n", "upstream", "--external-ip", six.net.node(1), code=10)
    assert "FK-7015" in shown
    assert "worker.implementation=native" in shown


def _forbid(box, namespace, kind, name):
    where = {"seccompProfile": {"type": "Localhost", "localhostProfile": PROFILE}}
    patch = {"spec": {"template": {"spec": {"securityContext": where}}}}
    box.kubectl("-n", namespace, "patch", kind, name, "-p", json.dumps(patch))


@only_all
@pytest.mark.parametrize("engine", [(), OURS], ids=["upstream", "ours"])
def test_where_programs_find_no_ipv6(box, engine):
    for name in box.state["nodes"]:
        folder = box.folder / "nodes" / name / "var/lib/kubelet/seccomp"
        folder.mkdir(exist_ok=True)
        (folder / PROFILE).write_text(json.dumps(_SECCOMP))
    namespace = f"four-{len(engine)}"
    with released(box, namespace, "--external-ip", box.net.node(1), *engine) as fogflow:
        kinds = {item["metadata"]["name"]: item["kind"] for item in fogflow.get("deployments,statefulsets")["items"]}
        for name, kind in kinds.items():
            _forbid(box, namespace, kind, name)
        for name, kind in kinds.items():
            box.kubectl("-n", namespace, "rollout", "status", f"{kind}/{name}", "--timeout=120s")
        fogflow.recover()
        box.tool("verify", "-n", namespace)
        assert "html" in deployed.raw(f"http://{box.net.node(1)}/index.html").lower()
