"""What can be known before a deploy: each thing that is wrong fails its own check, and no other."""

import json
from xml.etree import ElementTree as ET

import pytest

from fogflow_k8s.actions.check import check
from tests.faults.simulated import FAULTS

from .conftest import KEPT, looks
from .test_access import kubeconfig

BUDGET_S = 100

pytestmark = pytest.mark.cluster
ELSEWHERE = ("kubectl", "docker", "external-ip", "leftovers")  # of this machine, and of the tests beside this one


def checked(site, *words, code=0, asked="", **more):
    words = words if "--external-ip" in words else ("--external-ip", own_ip(site), *words)
    left_out = [word for id_ in ELSEWHERE if id_ != asked for word in ("--suppress", id_)]
    document = site.json("check", *left_out, *words, code=code, **more)
    return {each["id"]: each for each in document["checks"]}, document


def own_ip(site):
    """An address that no other test has, as the ports of all Services are looked at."""
    return f"198.51.100.{int(site.namespace.rpartition('-')[2]) % 254 + 1}"


def states(found):
    return {id_: each["state"] for id_, each in found.items() if each["state"] not in {"ok", "skipped"}}


def test_an_empty_cluster_is_ready_for_a_deploy(site):
    found, document = checked(site, "--pre")
    assert (document["verdict"], states(found)) == ("ok", {})
    assert found["objects"]["state"] == "skipped", "the namespace is still to be made"
    assert "release" not in found


@looks
def test_an_installed_release_is_checked_too(kept):
    found, _ = checked(kept, *KEPT)
    assert states(found) == {}
    assert {found[each]["state"] for each in ("objects", "pods", "quota", "release", "address", "rights")} == {"ok"}
    assert set(found) | set(ELSEWHERE) == set(check.IDS), "every id there is"


def _apply(kind, name, **rest):
    return lambda site: site.kubectl("apply", "-f", "-", stdin=json.dumps({"kind": kind, "apiVersion": "v1", "metadata": {"name": name}, **rest}))  # fmt: skip


def _restrict(site):
    site.kubectl("label", "namespace", site.namespace, "pod-security.kubernetes.io/enforce=restricted")


def _take_the_port(site):
    spec = {"ports": [{"port": 80}], "externalIPs": ["192.0.2.77"]}
    _apply("Service", "other", spec=spec)(site)


def _leave_something_of_upstream(site):
    site.kubectl("create", "deployment", "old-discovery", "--image=docker.io/fogflow/discovery:3.2.8")


def _webhook(site):
    next(f for f in FAULTS if f.id == "FK-3014").before(site)


@pytest.mark.parametrize(
    ("before", "words", "expected", "says"),
    [
        (_apply("ResourceQuota", "small", spec={"hard": {"pods": "3"}}), [], {"quota": "failed"}, "wanted, 3 pods left of 3"),
        (_apply("LimitRange", "small", spec={"limits": [{"type": "Container", "max": {"memory": "16Mi"}}]}), [], {"pods": "failed"}, "maximum memory usage per Container is 16Mi"),
        (_restrict, ["--set", "configJson.hostPath.path=/etc/fogflow"], {"pods": "failed"}, "violates PodSecurity"),
        (_webhook, [], {"pods": "failed"}, "failed calling webhook"),
        (_take_the_port, ["--external-ip", "192.0.2.77"], {"ports": "failed"}, "taken: 192.0.2.77:80 by Service"),
        (_leave_something_of_upstream, [], {"leftovers": "warning"}, "another FogFlow runs in namespace"),
        (lambda _: None, ["--set", "rabbitmq.nodeSelector.a=b"], {"capacity": "failed"}, "FK-3012 rabbitmq fits on no node"),
        (lambda _: None, ["--set", "rabbitmq.auth.existingSecret=mine"], {"references": "failed"}, "Secret mine does not exist"),
    ],
    ids=["quota", "limit-range", "pod-security", "webhook", "port", "leftovers", "capacity", "references"],
)  # fmt: skip
def test_what_is_wrong_fails_its_own_check(site, before, words, expected, says):
    site.make_namespace()
    before(site)
    [wrong] = expected
    found, _ = checked(site, *words, code=10 if "failed" in expected.values() else 0, asked=wrong)
    assert states(found) == expected
    assert says in found[wrong]["detail"]
    assert found[wrong]["remedy"]


def test_a_user_without_rights(site):
    site.make_namespace()
    site.kubectl("create", "serviceaccount", "nobody")
    nobody = kubeconfig(site, user={"token": site.kubectl("create", "token", "nobody").strip()})
    error = site.json("check", env=nobody, code=11)["error"]
    assert "not allowed" in error["message"]  # Helm's own records may not be read, so what is installed is not known
    site.kubectl("create", "rolebinding", "view", "--clusterrole=view", f"--serviceaccount={site.namespace}:nobody")
    site.kubectl("create", "role", "see", "--verb=get,list", "--resource=secrets,configmaps")
    site.kubectl("create", "rolebinding", "see", "--role=see", f"--serviceaccount={site.namespace}:nobody")
    found, _ = checked(site, env=nobody, code=10)
    assert states(found) == {"rights": "failed", "rights-to-see": "warning"}
    assert found["rights"]["detail"].startswith("missing: create namespaces (cluster-wide), ")
    assert {found[each]["state"] for each in ("nodes", "capacity", "ports")} == {"skipped"}


def test_unreachable_warnings_as_failures_and_a_file_for_ci(site):
    away = kubeconfig(site, cluster={"server": "https://127.0.0.1:1"})
    document = site.json("check", env=away, code=11)
    assert document["verdict"] == "unreachable"
    path = site.state / "check.xml"
    foreign = [
        "--suppress",
        "kubectl",
        "--suppress",
        "docker",
        "--suppress",
        "leftovers",
        "--pre",
        "--external-ip",
        own_ip(site),
    ]
    site.run("check", *foreign)
    site.run("check", *foreign, "--fail-on", "warning", "--junit", path, code=10)
    suite = ET.parse(path).getroot()
    warned = [case.get("name") for case in suite if case.find("system-out") is not None]
    assert warned == ["external-ip"]
    site.run("check", "--suppress", "dokcer", code=2)
    assert "did you mean docker?" in site.stderr
