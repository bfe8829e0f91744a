"""Assessment: from a snapshot of the namespace to rows and causes."""

from fogflow_k8s.model.diagnosis.assessment import Snapshot, assess


def owner(name, *, ready=0, uid="d1", revision="2"):
    labels = {"app.kubernetes.io/component": name}
    status = {
        "observedGeneration": 1,
        "updatedReplicas": 1,
        "replicas": 1,
        "readyReplicas": ready,
        "availableReplicas": ready,
    }
    template = {"spec": {"containers": [{"name": name, "image": f"x/{name}:1"}]}}
    metadata = {
        "name": name,
        "namespace": "n",
        "uid": uid,
        "generation": 1,
        "labels": labels,
        "annotations": {"deployment.kubernetes.io/revision": revision},
    }
    return {"kind": "Deployment", "metadata": metadata, "spec": {"replicas": 1, "template": template}, "status": status}


def replicaset(uid, of, revision):
    metadata = {
        "name": uid,
        "uid": uid,
        "ownerReferences": [{"uid": of}],
        "annotations": {"deployment.kubernetes.io/revision": revision},
    }
    return {"kind": "ReplicaSet", "metadata": metadata, "status": {}}


def pod(name, of, state):
    return {"metadata": {"name": name, "namespace": "n", "uid": name, "ownerReferences": [{"uid": of}]}, "spec": {"containers": [{"name": "c", "image": "i"}]},
            "status": {"phase": "Pending", "containerStatuses": [{"name": "c", "state": state}]}}  # fmt: skip


MISSING = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}


def test_only_the_newest_versions_pods_are_to_blame():
    sets = [replicaset("old", "d1", "1"), replicaset("new", "d1", "2")]
    pods = [pod("a", "old", MISSING), pod("b", "new", {"running": {}})]
    seen = Snapshot([owner("master")], sets, pods)
    assert assess([owner("master")], seen).causes == ()
    pods = [pod("a", "old", {"running": {}}), pod("b", "new", MISSING)]
    assert [c.object for c in assess([owner("master")], Snapshot([owner("master")], sets, pods)).causes] == ["pod/b"]


def test_a_workload_that_somebody_deleted_is_seen_missing():
    result = assess([owner("master")], Snapshot())
    assert not result.ready
    assert result.components[0].verdict.reason == "it does not exist"


def test_silence_gets_a_cause_only_at_the_end():
    seen = Snapshot([owner("discovery")], [replicaset("new", "d1", "2")], [pod("p", "new", {"running": {}})])
    assert assess([owner("discovery")], seen).causes == ()
    assert [c.id for c in assess([owner("discovery")], seen, final=True).causes] == ["FK-5011"]


def test_a_rollout_that_its_controller_has_given_up_says_so_at_once():
    given_up = owner("discovery")
    given_up["status"]["conditions"] = [
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    ]
    sets, pulling = [replicaset("new", "d1", "2")], {"waiting": {"reason": "ContainerCreating"}}
    for state in ({"running": {}}, pulling):
        found = assess([given_up], Snapshot([given_up], sets, [pod("p", "new", state)]))
        assert found.hopeless
        assert [c.id for c in found.causes] == ["FK-5011"]
        assert "no progress for 600 s" in found.causes[0].summary
    given_up["metadata"]["generation"] = 2  # the condition is that of the generation before
    assert not assess([given_up], Snapshot([given_up], sets, [pod("p", "new", pulling)])).hopeless


def test_ready_needs_at_least_one_component():
    assert not assess([], Snapshot()).ready
    assert assess([owner("master")], Snapshot([owner("master", ready=1)])).ready


def test_evicted_pods_that_were_replaced_are_left_out():
    evicted = pod("gone", "new", {})
    evicted["status"] = {"phase": "Failed", "reason": "Evicted"}
    seen = Snapshot([owner("master")], [replicaset("new", "d1", "2")], [evicted, pod("p", "new", {"running": {}})])
    assert assess([owner("master")], seen).causes == ()
    alone = Snapshot([owner("master")], [replicaset("new", "d1", "2")], [evicted])
    assert [c.id for c in assess([owner("master")], alone).causes] == ["FK-5008"]


def test_rows_come_in_the_order_of_the_components_table():
    names = ["nginx", "master", "rabbitmq"]
    assert [c.name for c in assess([owner(n) for n in names], Snapshot()).components] == ["rabbitmq", "master", "nginx"]
