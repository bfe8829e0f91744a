"""`diff` against a real API server: nothing after a deploy of every example; afterwards who changed what, three ways."""

import base64
import gzip
import json
import os
import pty
import re
import select
import subprocess
import time
from pathlib import Path

import pytest

from tests.scope import only_all
from tests.sites import IP, TOOL

from .conftest import KEPT, looks
from .test_access import kubeconfig

pytestmark = pytest.mark.cluster
BUDGET_S = 400
EXAMPLES = sorted(p for p in (Path(__file__).parents[2] / "examples").iterdir())
OWN_KINDS = ("config", "gateway", "several")
"""Examples with objects that no other has; `make all` has every example."""
CHART = str(Path(__file__).parents[2] / "charts" / "fogflow-chart")
# what the examples expect to be there already
AROUND = [
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": dict.fromkeys(keys, "x")}
    for name, keys in {
        "my-rabbitmq": ["password"],
        "fogflow-tls": ["tls.crt", "tls.key"],
        "fogflow-dashboard": ["htpasswd"],
        "registry-login": [".dockerconfigjson"],
    }.items()
] + [
    {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "traefik"},
     "spec": {"controller": "example.org/none"}},
    {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
     "metadata": {"name": "httproutes.gateway.networking.k8s.io",
                  "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"}},
     "spec": {"group": "gateway.networking.k8s.io", "scope": "Namespaced", "names": {
         "kind": "HTTPRoute", "listKind": "HTTPRouteList", "plural": "httproutes", "singular": "httproute"},
         "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
             "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}},
]  # fmt: skip


def diff(site, *words, code=0, **more):
    """The document, for the settings that `Site.deploy` gives."""
    return site.json("diff", "--external-ip", IP, *words, code=code, **more)


def edit(site, what, sed):
    """`kubectl edit`, with sed as the editor."""
    editor = site.state / "editor"
    editor.write_text(f"#!/bin/sh\nexec sed -i '{sed}' \"$1\"\n")
    editor.chmod(0o755)
    subprocess.run(
        [site.kubectl_path, "-n", site.namespace, "edit", what], env={**site.env, "EDITOR": str(editor)}, check=True, timeout=120, capture_output=True
    )  # fmt: skip


def told(document):
    """Drift as (object, path, who, what becomes of it)."""
    return {(d["object"], d["path"], d["manager"], d["effect"]) for d in document["drift"]}


def needs(site, example):
    site.make_namespace()
    around = json.dumps({"apiVersion": "v1", "kind": "List", "items": AROUND})
    # server-side: a get and then a create loses against another test that makes the same object of the cluster
    site.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=around)
    if example.stem == "private-registry":
        secret = {**AROUND[0], "metadata": {"name": "fogflow-rabbitmq"}}
        site.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(secret))
        for node in site.get("nodes")["items"]:
            site.kubectl("label", "node", node["metadata"]["name"], "example.org/pool=iot", "--overwrite")


@pytest.mark.parametrize(
    "example", [pytest.param(p, marks=() if p.stem in OWN_KINDS else only_all, id=p.name) for p in EXAMPLES]
)
def test_nothing_after_a_deploy_of_an_example(site, example):
    needs(site, example)
    own = site.state / example.name  # with an address that no other release has
    own.write_text(example.read_text(encoding="utf-8").replace(IP, site.ip), encoding="utf-8")
    words = ("--config" if example.suffix == ".json" else "--values", str(own))
    if example.stem == "upstream-keys":  # it names a namespace
        words += ("--set", f"namespace={site.namespace}")
    assert site.json("deploy", *words, "--no-wait")["result"] == "installed"
    found = site.json("diff", *words, "--exit-code")
    assert (found["kind"], found["changed"], found["release"]["revision"]) == ("Diff", False, 1)
    assert (found["changes"], found["drift"], found["replacedPods"], found["notCompared"], found["notes"]) == ([],) * 5


def test_nothing_where_the_chart_made_up_a_password(site):
    """Installed with Helm alone: only a rendering at the server finds the password again, for diff and for deploy."""
    open_ = (
        "--set",
        "networkPolicy.enabled=false",
    )  # else the API server's port is filled in, which Helm alone does not know
    site.helm("install", "fogflow", CHART, "--set", f"externalIPs={{{IP}}}", *open_, "--create-namespace")
    password = site.get("secret", "fogflow-rabbitmq")["data"]["password"]
    found = diff(site, *open_, "--exit-code")
    assert (found["changes"], found["drift"]) == ([], [])
    assert "nothing would change" in site.run("diff", "--external-ip", IP, *open_, "--exit-code")
    assert site.deploy(*open_)["result"] == "unchanged"
    assert site.get("secret", "fogflow-rabbitmq")["data"]["password"] == password


def test_each_hand_is_named_with_its_field_and_what_becomes_of_it(site):
    site.deploy()
    site.kubectl("scale", "deployment", "nginx", "--replicas=5")
    edit(site, "deployment/designer", r"s/^\(      terminationGracePeriodSeconds\): .*/\1: 77/")
    site.kubectl("set", "image", "deployment/master", "master=example.org/master:1")
    site.kubectl("set", "env", "deployment/discovery", "DEBUG_TOKEN=hunter22hunter22", "-c", "discovery")
    site.kubectl("label", "service", "nginx", "team=city")
    site.kubectl("annotate", "deployment", "cloud-broker", "example.org/note=seen")
    site.kubectl("delete", "service", "designer")
    edit(site, "configmap/nginx-config", "s/worker_connections [0-9]*/worker_connections 77/")
    found = diff(site, "--exit-code", code=3)
    assert (found["changed"], found["changes"]) == (True, [])
    assert told(found) == {
        ("Deployment/nginx", "spec.replicas", "kubectl", "restored"),
        ("Deployment/designer", "spec.template.spec.terminationGracePeriodSeconds", "kubectl-edit", "restored"),
        ("Deployment/master", "spec.template.spec.containers[master].image", "kubectl-set", "restored"),
        ("Deployment/discovery", "spec.template.spec.containers[discovery].env[DEBUG_TOKEN]", "kubectl-set", "left"),
        ("Service/nginx", "metadata.labels.team", "kubectl-label", "left"),
        ("Deployment/cloud-broker", "metadata.annotations[example.org/note]", "kubectl-annotate", "left"),
        ("Service/designer", None, None, "restored"),
        ("ConfigMap/nginx-config", "data[nginx.conf]", "kubectl-edit", "restored"),
    }
    (scaled,) = (d for d in found["drift"] if d["object"] == "Deployment/nginx")
    assert (scaled["deployed"], scaled["live"], scaled["wanted"], scaled["subresource"]) == (2, 5, 2, "scale")
    assert {"designer", "master"} == set(found["replacedPods"])

    shown = site.run("diff", "--external-ip", IP)
    assert "spec.replicas: 5 (was 2), changed by kubectl (scale): will be restored" in shown
    assert re.search(r"terminationGracePeriodSeconds: 77 \(was \d+\), changed by kubectl-edit: will be restored", shown)
    assert "+ Service/designer  was deleted: will be restored" in shown
    assert "metadata.labels.team: city (new), changed by kubectl-label: deploy does not change it" in shown
    assert "hunter22" not in shown + json.dumps(found)
    assert "data[nginx.conf], changed by kubectl-edit: will be restored" in shown
    assert any(line.split() == ["+", "worker_connections", "77;"] for line in shown.splitlines()), "by its lines"
    assert len(shown.splitlines()) < 40

    assert site.deploy()["result"] == "upgraded"  # does what was told, and leaves what was said to be left
    after = diff(site, "--exit-code")
    assert {d["effect"] for d in after["drift"]} == {"left"}
    assert len(after["drift"]) == 3


@only_all
def test_three_ways_at_once(site):
    """What the settings change and what was changed by hand, apart; on one field, too."""
    site.deploy()
    site.kubectl("scale", "deployment", "nginx", "--replicas=5")
    site.kubectl("label", "deployment", "master", "app.kubernetes.io/part-of=mine", "--overwrite")
    words = ("--set", "replicaCount=3", "--set", "config.site_id=009")
    found = diff(site, *words, "--exit-code", code=3)
    (count,) = (c for c in found["changes"] if c["path"] == "spec.replicas")
    assert (count["object"], count["old"], count["new"]) == ("Deployment/nginx", 2, 3)
    assert any(c["object"] == "ConfigMap/master-config" and c["path"] == "data[config.json]" for c in found["changes"])
    checksums = [c for c in found["changes"] if c["noise"] == "checksum"]
    assert checksums
    assert told(found) == {
        ("Deployment/nginx", "spec.replicas", "kubectl", "overridden"),
        ("Deployment/master", "metadata.labels[app.kubernetes.io/part-of]", "kubectl-label", "restored"),
    }
    shown = site.run("diff", "--external-ip", IP, *words)
    changed, _, by_hand = shown.partition("Changed on the cluster since revision 1")
    assert "    spec.replicas: 2 -> 3\n" in changed
    assert '-   "site_id": "001"' in changed
    assert '+   "site_id": "009"' in changed
    assert "spec.replicas: 5 (was 2), changed by kubectl (scale): deploy sets 3" in by_hand
    assert f"Also changed: {len(checksums)} checksums" in shown
    assert "checksum/" not in shown
    assert "--force-conflicts" in shown

    refused = site.deploy(*words, code=20)  # as was said
    assert refused["causes"][0]["id"] == "FK-7002"
    site.kubectl("scale", "deployment", "nginx", "--replicas=5")
    assert site.deploy(*words, "--force-conflicts")["result"] == "upgraded"
    assert diff(site, *words, "--exit-code")["drift"] == []


@only_all
def test_a_change_made_by_hand_and_then_in_the_settings_is_left(site):
    site.deploy()
    site.kubectl("scale", "deployment", "nginx", "--replicas=3")
    found = diff(site, "--set", "replicaCount=3")
    assert told(found) == {("Deployment/nginx", "spec.replicas", "kubectl", "left")}
    assert [c["path"] for c in found["changes"]] == ["spec.replicas"]


def test_a_secrets_value_is_masked_wherever_it_changed(site):
    site.helm("install", "fogflow", CHART, "--set", f"externalIPs={{{IP}}}", "--create-namespace")
    old = site.get("secret", "fogflow-rabbitmq")["data"]["password"]
    new = "aHVudGVyMjJodW50ZXIyMg=="
    edit(site, "secret/fogflow-rabbitmq", f"s|password: .*|password: {new}|")
    documents = [diff(site), diff(site, "--set", "rabbitmq.auth.password=hunter33hunter33")]
    shown = site.run("diff", "--external-ip", IP) + site.stderr + json.dumps(documents)
    assert "data.password" in shown
    assert "********" in shown
    for value in (old, new, "hunter22", "hunter33", "aHVudGVyMzNodW50ZXIzMw=="):
        assert value not in shown
    for each in documents:
        entries = [e for e in each["changes"] + each["drift"] if e["object"] == "Secret/fogflow-rabbitmq"]
        assert entries
        assert all(e["path"] != "data.password" or "********" in e.values() for e in entries)


def test_not_installed_everything_is_added_and_nothing_written(site):
    found = diff(site, "--exit-code", code=3)
    assert found["release"]["revision"] is None
    assert {c["action"] for c in found["changes"]} == {"add"}
    assert "Deployment/master" in {c["object"] for c in found["changes"]}
    assert found["drift"] == []
    assert diff(site)["changed"] is True  # and 0 without --exit-code
    assert "+ Deployment/master" in site.run("diff", "--external-ip", IP)
    assert site.kubectl("get", "namespace", site.namespace, "--ignore-not-found") == ""


def rewrite_status(site, revision, status):
    """What a helm that failed, or died, leaves: the record of a revision with that status (JSON, gzip, twice base64)."""
    name = f"sh.helm.release.v1.fogflow.v{revision}"
    packed = base64.b64decode(base64.b64decode(site.get("secret", name)["data"]["release"]))
    release = json.loads(gzip.decompress(packed))
    release["info"]["status"] = status
    data = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()
    patch = {"metadata": {"labels": {"status": status}}, "data": {"release": data}}
    file = site.state / "patch.json"  # too long for an argument
    file.write_text(json.dumps(patch))
    site.kubectl("patch", "secret", name, "--patch-file", str(file))


@looks
@pytest.mark.parametrize(
    ("status", "changed", "says"),
    [
        ("failed", [], "revision 2 is failed: a deploy makes a new one in any case"),
        ("pending-upgrade", ["spec.replicas"], "a deploy first rolls back to revision 1"),
    ],
)
def test_a_revision_that_failed_or_was_left_pending_is_told(kept, status, changed, says):
    rewrite_status(kept, 2, status)
    try:
        found = diff(kept, *KEPT, "--exit-code", code=3)
    finally:
        rewrite_status(kept, 2, "deployed")
    assert found["changed"] is True
    assert [c["path"] for c in found["changes"]] == changed
    assert says in "\n".join(found["notes"])


def token_of(site, who, *rights):
    """A kubeconfig of somebody who may do this much in the namespace, each right as verbs:resources."""
    site.kubectl("create", "serviceaccount", who)
    for n, right in enumerate(rights):
        verbs, _, resources = right.partition(":")
        site.kubectl("create", "role", f"{who}-{n}", f"--verb={verbs}", f"--resource={resources}")
        account = f"--serviceaccount={site.namespace}:{who}"
        site.kubectl("create", "rolebinding", f"{who}-{n}", f"--role={who}-{n}", account)
    return kubeconfig(site, user={"token": site.kubectl("create", "token", who).strip()})


@looks
def test_who_may_not_look_is_told_so(kept):
    kept.run("diff", "--external-ip", IP, "--exit-code", env=token_of(kept, "nobody"), code=11)
    assert "cannot" in kept.stderr
    assert "Next:" in kept.stderr


@looks
def test_who_may_only_read_gets_what_can_be_told_without_more(kept):
    everything = "secrets,configmaps,services,serviceaccounts,deployments.apps,persistentvolumeclaims"
    env = token_of(kept, "reader", f"get,list:{everything}")
    words = ("--preset", "small", "--set", "tasks.createNamespace=false")
    found = diff(kept, *words, "--set", "replicaCount=4", "--exit-code", env=env, code=3)
    assert "spec.replicas" in {c["path"] for c in found["changes"]}
    assert "Deployment/nginx" in found["notCompared"]
    assert "not compared with the live object" in kept.run("diff", "--external-ip", IP, *words, env=env)


def on_a_terminal(site, *words, answer):
    """Run the tool on a terminal, answer its question, and return exit code and what was on the screen."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*TOOL, *words, "-n", site.namespace], env=site.env, cwd=site.state, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    screen, end = "", time.monotonic() + 240
    while time.monotonic() < end:
        if select.select([ours], [], [], 1)[0]:
            try:
                screen += os.read(ours, 65536).decode(errors="replace")
            except OSError:  # the terminal is gone with the program
                break
            if "[y/N] " in screen and answer:
                os.write(ours, f"{answer}\n".encode())
                answer = ""
    os.close(ours)
    return process.wait(60), screen.replace("\r\n", "\n")


def test_a_person_is_shown_the_difference_and_asked(site):
    code, screen = on_a_terminal(site, "deploy", "--external-ip", IP, answer="")
    assert (code, "[y/N]" in screen) == (0, False), screen  # an install changes nothing that is there
    site.kubectl("scale", "deployment", "nginx", "--replicas=5")
    upgrade = ("deploy", "--external-ip", IP, "--set", "config.site_id=009")
    code, screen = on_a_terminal(site, *upgrade, answer="n")
    assert code == 10, screen
    assert "spec.replicas: 5 (was 2), changed by kubectl (scale): will be restored" in screen
    assert "data[config.json]: +1 -1 lines" in screen
    assert "Nothing was changed" in screen
    assert site.history() == [(1, "deployed")]
    code, screen = on_a_terminal(site, *upgrade, answer="y")
    assert code == 0, screen
    assert site.history() == [(1, "superseded"), (2, "deployed")]
    assert site.get("deployment", "nginx")["spec"]["replicas"] == 2
    code, screen = on_a_terminal(site, *upgrade, answer="")
    assert (code, "[y/N]" in screen, "nothing to do" in screen) == (0, False, True), screen
    code, screen = on_a_terminal(site, *upgrade, "--set", "replicaCount=3", "--yes", answer="")
    assert (code, "[y/N]" in screen) == (0, False), screen


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--set", "replicaCount=x"], 2, "replicaCount"),
        (["--values", "absent.yaml"], 2, "absent.yaml"),
        (["-o", "yaml"], 2, "not one of table, json"),
    ],
)
def test_wrong_input_changes_no_exit_code_into_3(site, words, code, says):
    site.run("diff", "--exit-code", *words, code=code)
    assert says in site.stderr
