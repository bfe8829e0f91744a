"""RabbitMQ's password changed by hand, by settings, and in Secrets of every owner: which components restart, and when none does.

The gate has one of each owner; every way is in tests/unit/actions/release/test_rotation.py, and real logins in tests/real/shared.
"""

import base64
import json

import pytest

from tests.scope import only_all
from tests.sites import IP

pytestmark = pytest.mark.cluster
BUDGET_S = 75
USERS = {"rabbitmq", "master", "cloud-worker", "designer"}
SECRET = "fogflow-rabbitmq"
SECOND = base64.b64encode(b"the-second-password").decode()


def set_password(site, password, name=SECRET):
    patch = json.dumps({"stringData": {"password": password}})
    site.kubectl("patch", "secret", name, "--type=merge", "-p", patch)


def pods(site):
    return {
        pod["metadata"]["uid"]: pod["metadata"]["labels"]["app.kubernetes.io/name"] for pod in site.get("pods")["items"]
    }


def restarted(site, before):
    """The components whose pods are others than before."""
    return {name for uid, name in pods(site).items() if uid not in before}


def steps(site):
    """The components restarted, as they were announced."""
    said = [line.partition("restarting ")[2] for line in site.stderr.splitlines() if "restarting " in line]
    return [name for name in said if name in USERS]


def mark(site):
    record = site.get("configmap", "fogflow-fogflow-k8s")["data"]["record.json"]
    return json.loads(record)["busPassword"]


def test_a_password_changed_by_hand_is_put_into_force(site):
    site.deploy()
    before, first = pods(site), mark(site)
    set_password(site, "another-password")
    assert site.deploy("--dry-run=client")["difference"]["passwordRestarts"] == [
        "rabbitmq",
        "master",
        "cloud-worker",
        "designer",
    ]
    assert site.json("diff", "--external-ip", IP)["changed"]
    assert pods(site) == before, "looking restarts nobody"

    result = site.deploy()
    assert (result["result"], result["exitCode"], result["release"]["revision"]) == ("rotated", 0, 1)
    assert "their logins were not tested: the nodes are simulated" in result["detail"]
    assert "the RabbitMQ password was changed: restarting rabbitmq, then master, cloud-worker, designer" in site.stderr
    assert steps(site) == ["rabbitmq", "master", "cloud-worker", "designer"]
    assert restarted(site, before) == USERS
    assert mark(site)["passwordHash"] != first["passwordHash"]

    after = pods(site)
    assert site.deploy()["result"] == "unchanged"
    assert pods(site) == after
    assert not site.json("diff", "--external-ip", IP)["changed"]


@only_all
def test_what_is_not_the_password_restarts_nobody(site):
    site.deploy()
    before = pods(site)
    site.kubectl("label", "secret", SECRET, "team=city")
    site.kubectl("annotate", "secret", SECRET, "note=seen")
    site.kubectl("patch", "secret", SECRET, "--type=merge", "-p", json.dumps({"stringData": {"other": "key"}}))
    assert site.deploy()["result"] == "unchanged"
    site.kubectl("delete", "secret", SECRET, "--wait")
    assert pods(site) == before


@only_all
def test_a_password_in_the_settings_is_written_and_put_into_force(site):
    values = site.state / "values.yaml"
    values.write_text(json.dumps({"rabbitmq": {"auth": {"password": "the-first-password"}}}))
    site.deploy("--values", values)
    before = pods(site)
    assert site.deploy("--values", values)["result"] == "unchanged"
    assert pods(site) == before
    values.write_text(json.dumps({"rabbitmq": {"auth": {"password": "the-second-password"}}}))
    assert site.deploy("--values", values)["result"] == "rotated"
    assert site.get("secret", SECRET)["data"]["password"] == SECOND
    assert restarted(site, before) == USERS
    after = pods(site)

    set_password(site, "by-hand")  # while the settings go on saying what is in force
    assert site.deploy("--values", values)["result"] == "unchanged"
    assert "put back" in site.stderr
    assert site.get("secret", SECRET)["data"]["password"] == SECOND
    assert pods(site) == after


@only_all
def test_an_upgrade_at_the_same_time(site):
    site.deploy()
    before = pods(site)
    set_password(site, "another-password")
    result = site.deploy("--set", "replicaCount=3")
    assert (result["result"], result["release"]["revision"]) == ("upgraded", 2)
    assert restarted(site, before) == {*USERS, "nginx"}
    assert site.deploy("--set", "replicaCount=3")["result"] == "unchanged"


@only_all
def test_a_secret_of_ones_own(site):
    site.make_namespace()
    site.kubectl("create", "secret", "generic", "mine", "--from-literal=password=one")
    mine = ["--set", "rabbitmq.auth.existingSecret=mine"]
    site.deploy(*mine)
    before = pods(site)
    assert site.deploy(*mine)["result"] == "unchanged"
    set_password(site, "two", "mine")
    assert site.deploy(*mine)["result"] == "rotated"
    assert restarted(site, before) == USERS


@only_all  # on real nodes: tests/real/shared/test_rotation.py
@pytest.mark.parametrize(
    ("known", "words"),
    [(False, ()), (True, ()), (False, ("--set", "rabbitmq.auth.password=another-password"))],
    ids=["first-deploy-with-the-tool", "later", "by-the-settings"],
)
def test_a_secret_that_the_chart_made(site, known, words):
    from .test_by_hand import install

    install(site, "fogflow")
    if known:
        site.deploy()
    else:
        site.json("status", "--wait", "--timeout", "60s")
    before = pods(site)
    if not words:
        set_password(site, "another-password")
    site.deploy(*words)
    assert restarted(site, before) >= USERS
    assert "the RabbitMQ password was changed" in site.stderr
    after = pods(site)
    assert site.deploy(*words)["result"] == "unchanged"
    assert pods(site) == after
