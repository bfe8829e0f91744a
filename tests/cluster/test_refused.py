"""Upgrades that the API server refuses in the middle: the cause by its name, an archive, and all objects as they were before."""

import json
import threading
import time

import pytest

from tests.cluster import proxy
from tests.cluster.test_bad_server import config, through  # noqa: F401 - fixtures
from tests.scope import sampled
from tests.sites import IP

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
BUDGET_S = 150
KINDS = "deployments,statefulsets,services,configmaps,secrets,serviceaccounts,roles,rolebindings,networkpolicies,poddisruptionbudgets"
CHANGE = (
    "--set",
    "replicaCount=3",
    "--set",
    "keeper.enabled=false",
    "--set",
    "expose.edge.type=nodePort",
    "--set",
    "networkPolicy.edges.cidrs[0]=192.0.2.0/24",
)


def objects(site):
    """Every object of the release as a user set it, without what a controller or Helm notes."""
    found = {}
    for obj in json.loads(site.kubectl("get", KINDS, "-l", "app.kubernetes.io/part-of=fogflow", "-o", "json"))["items"]:
        spec = {k: v for k, v in obj.items() if k not in ("metadata", "status")}
        labels = obj["metadata"].get("labels")
        found[obj["kind"], obj["metadata"]["name"]] = json.dumps([spec, labels], sort_keys=True)
    return found


def policy(site, kind, expression):
    """A ValidatingAdmissionPolicy for objects of this namespace; in force a moment after it was made."""
    name = f"no-{site.namespace}"
    rule = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": [kind]}
    match = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": site.namespace}}}
    made = [
        {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
         "spec": {"failurePolicy": "Fail", "matchConstraints": {"resourceRules": [rule]},
                  "validations": [{"expression": expression, "message": "this city allows no more of it"}]}},
        {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
         "spec": {"policyName": name, "validationActions": ["Deny"], "matchResources": match}},
    ]  # fmt: skip
    return made, [("validatingadmissionpolicybinding", name), ("validatingadmissionpolicy", name)]


def webhook(site, kind):
    """A webhook that nobody serves, asked about such objects of this namespace."""
    name = f"dead-{site.namespace}"
    rule = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": [kind]}
    hook = {
        "name": "dead.example.org", "failurePolicy": "Fail", "sideEffects": "None", "admissionReviewVersions": ["v1"], "timeoutSeconds": 2,
        "clientConfig": {"url": "https://127.0.0.1:1/v"}, "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": site.namespace}},
    }  # fmt: skip
    made = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [hook],
    }
    return [made], [("validatingwebhookconfiguration", name)]


def quota(site):
    """One that has no room for another Service."""
    services = len(site.get("services")["items"])
    spec = {"hard": {"services": str(services)}}
    made = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "full", "namespace": site.namespace},
        "spec": spec,
    }
    return [made], [("resourcequota", "full")]


REFUSALS = {
    "policy": (lambda site: policy(site, "services", "!object.metadata.name.endsWith('-edge')"), "FK-3011"),
    "webhook": (lambda site: webhook(site, "services"), "FK-3014"),
}


@pytest.mark.parametrize("kind", sampled([(kind,) for kind in REFUSALS], gate=[("policy",)]))
def test_a_refused_upgrade_is_taken_back_and_called_by_its_name(site, kind):
    make, id_ = REFUSALS[kind]
    site.deploy("--set", "keeper.enabled=false")
    before = objects(site)
    made, names = make(site)
    try:
        site.apply("\n---\n".join(map(json.dumps, made)))
        _await_refusal(site, kind)
        if kind == "webhook":  # it would refuse the way back, too
            threading.Timer(20, lambda: _remove(site, names)).start()
        found = site.deploy(*CHANGE, "--timeout", "60s", "--bundle-dir", str(site.state / "bundles"), code=20)
    finally:
        _remove(site, names)
    assert (found["result"], found["causes"][0]["id"]) == ("rolled-back", id_), found
    assert found["causes"][0]["remedy"]
    assert list((site.state / "bundles").glob("*.tar.gz"))
    assert objects(site) == before


def test_an_upgrade_for_which_a_quota_has_no_room_is_not_begun(site):
    site.deploy("--set", "keeper.enabled=false")
    before = objects(site)
    made, _ = quota(site)
    site.apply("\n---\n".join(map(json.dumps, made)))
    _await_refusal(site, "quota")
    found = site.deploy(*CHANGE, "--timeout", "60s", code=10)
    assert (found["result"], found["causes"][0]["id"]) == ("unchanged", "FK-3010"), found
    assert "quota full, services: " in found["causes"][0]["summary"]
    assert objects(site) == before


def _await_refusal(site, kind):
    """Until the API server acts on it: a quota counts and a policy is compiled a moment after it was made."""
    probe = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "x-edge", "namespace": site.namespace},
        "spec": {"ports": [{"port": 1}]},
    }
    for _ in range(240):
        said = site.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(probe), check=False)
        if not said:
            return
        time.sleep(0.25)
    raise AssertionError(kind)


def _remove(site, names):
    for kind, name in names:
        site.kubectl("delete", kind, name, "--ignore-not-found", check=False)


@pytest.mark.parametrize("seconds", sampled([(1,), (25,)], gate=[(1,)]))
def test_an_api_server_that_dies_in_the_middle_is_waited_for_and_the_upgrade_taken_back(site, config, seconds):  # noqa: F811
    """It dies at the first object that Helm changes, for a moment and for longer than the Lease lasts."""
    site.deploy("--set", "keeper.enabled=false")
    before = objects(site)
    died = []

    def fault(request, _):
        if (
            not died
            and request.command == "PATCH"
            and "/deployments/" in request.path
            and "helm" in request.headers.get("User-Agent", "").lower()
        ):
            died.append(time.monotonic())
        if died and time.monotonic() - died[0] < seconds:
            request.close_connection = True
            request.connection.close()
            return True
        return False

    with proxy.Proxy(config, site.state, fault) as bad:
        words = ["--external-ip", IP, *CHANGE, "--timeout", "90s", "--bundle-dir", str(site.state / "bundles")]
        found = site.json("deploy", *words, env=through(site, bad.url), code=20)
    assert died
    assert (found["result"], found["causes"][0]["id"]) == ("rolled-back", "FK-7013"), found
    assert list((site.state / "bundles").glob("*.tar.gz"))
    assert objects(site) == before
