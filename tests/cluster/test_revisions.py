"""Revisions on a real API server: more than Helm lists by itself, and the way back from one kind of workload to another."""

import base64
import gzip
import json
import threading

import pytest

from tests.scope import only_all

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
BUDGET_S = 250
MANY = 300
"""`helm history` shows 256 revisions unless it is told otherwise."""


def copies(secret, count):
    """The Secrets of revisions 3 to `count`, made of that of revision 2."""
    release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
    for revision in range(3, count + 1):
        status = "deployed" if revision == count else "superseded"
        release["version"], release["info"]["status"] = revision, status
        packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()
        labels = {**secret["metadata"]["labels"], "version": str(revision), "status": status}
        metadata = {"name": f"sh.helm.release.v1.fogflow.v{revision}", "labels": labels}
        yield {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": secret["type"],
            "metadata": metadata,
            "data": {"release": packed},
        }


@only_all
def test_a_release_with_more_revisions_than_helm_lists_by_itself(site):
    site.deploy("--set", "keeper.enabled=false")
    site.deploy("--set", "keeper.enabled=false,replicaCount=3")
    secret = site.get("secret", "sh.helm.release.v1.fogflow.v2")
    made = {"apiVersion": "v1", "kind": "List", "items": list(copies(secret, MANY))}
    site.kubectl("create", "-f", "-", stdin=json.dumps(made))
    site.kubectl("label", "secret", "sh.helm.release.v1.fogflow.v2", "status=superseded", "--overwrite")
    assert site.json("status")["release"]["revision"] == MANY
    shown = [each["revision"] for each in site.json("history")["revisions"]]
    assert (max(shown), len(shown)) == (MANY, MANY)
    back = site.json("rollback", "1", "--yes")
    assert (back["result"], back["release"]["revision"]) == ("rolled-back", MANY + 1)
    assert site.get("deployment", "nginx")["spec"]["replicas"] == 2
    assert site.deploy("--set", "keeper.enabled=false,replicaCount=3")["release"]["revision"] == MANY + 2


class Kinds(threading.Thread):
    """Which kinds of workload have pods of the worker, looked at again and again."""

    def __init__(self, site):
        super().__init__(daemon=True)
        self.site, self.seen, self.over = site, set(), threading.Event()

    def run(self):
        while not self.over.wait(0.05):
            pods = self.site.get("pods", "-l", "app.kubernetes.io/name=cloud-worker")["items"]
            self.seen.add(frozenset(pod["metadata"]["ownerReferences"][0]["kind"] for pod in pods))


def test_a_rollback_to_another_kind_of_workload_is_asked_for_and_never_runs_both(site):
    """Two processes of one worker's identity would take each other's messages."""
    site.deploy()
    site.deploy("--set", "worker.replicas=2", "--force")
    site.run("rollback", "1", "--yes", code=10)
    assert "--force" in site.stderr
    assert "cloud-worker" in site.stderr
    kinds = Kinds(site)
    kinds.start()
    try:
        back = site.json("rollback", "1", "--yes", "--force")
    finally:
        kinds.over.set()
        kinds.join()
    assert back["result"] == "rolled-back", back
    assert frozenset({"StatefulSet", "ReplicaSet"}) not in kinds.seen
    assert {frozenset({"StatefulSet"}), frozenset({"ReplicaSet"})} <= kinds.seen
