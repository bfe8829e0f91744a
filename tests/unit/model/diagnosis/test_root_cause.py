"""Causes: from pods and events to the component to blame."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogflow_k8s.model.components import NAMES
from fogflow_k8s.model.diagnosis.catalogue import ENTRIES, cause
from fogflow_k8s.model.diagnosis.pods import held_back, is_pulling, may_be_lost, pod_causes
from fogflow_k8s.model.diagnosis.probes import probe_of
from fogflow_k8s.model.diagnosis.root_cause import owner_causes, root_first

IMAGE = "docker.io/fogflow/master:9.9"


def pod(*, status=None, spec=None, name="master-1", conditions=()):
    return {
        "metadata": {"name": name, "namespace": "city", "uid": f"uid-{name}"},
        "spec": spec or {"containers": [{"name": "master", "image": IMAGE}]},
        "status": {"phase": "Pending", "conditions": list(conditions), **(status or {})},
    }


def waiting(reason, message="", **more):
    return {
        "containerStatuses": [
            {"name": "master", "image": "?", "state": {"waiting": {"reason": reason, "message": message}}, **more}
        ]
    }


def crashed(code, reason="Error", restarts=3):
    ended = {"terminated": {"exitCode": code, "reason": reason}}
    return waiting("CrashLoopBackOff", restartCount=restarts, lastState=ended)


def event(reason, message, *, name="master-1", at="2026-01-01T00:00:00Z"):
    return {
        "reason": reason,
        "message": message,
        "lastTimestamp": at,
        "involvedObject": {"name": name, "uid": f"uid-{name}"},
    }


def unscheduled(message):
    return [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]


@pytest.mark.parametrize(
    ("given_pod", "events", "expected"),
    [
        (pod(status=waiting("ErrImagePull", f"failed to pull {IMAGE}: not found")), [], "FK-4001"),
        (pod(status=waiting("ImagePullBackOff", "Back-off pulling")), [event("Failed", f"Failed to pull image {IMAGE}: not found")], "FK-4001"),
        (pod(status=waiting("ImagePullBackOff")), [event("Failed", f"{IMAGE}: 401 Unauthorized, unauthorized")], "FK-4002"),
        (pod(status=waiting("ErrImagePull", "toomanyrequests: You have reached your pull rate limit")), [], "FK-4003"),
        (pod(status=waiting("ErrImagePull", "no match for platform in manifest")), [], "FK-4004"),
        (pod(status=waiting("ErrImagePull", "no match for platform in manifest sha256:1: not found")), [], "FK-4004"),
        (pod(status=waiting("ErrImagePull", "dial tcp: i/o timeout")), [], "FK-4009"),
        (pod(status=waiting("ErrImagePull", "tls: failed to verify certificate: x509: certificate signed by unknown authority")), [], "FK-4010"),
        (pod(status=waiting("ErrImageNeverPull")), [], "FK-4005"),
        (pod(status=waiting("InvalidImageName", "bad")), [], "FK-4006"),
        (pod(status=waiting("CreateContainerConfigError", 'secret "x" not found')), [], "FK-1201"),
        (pod(status=waiting("CreateContainerConfigError", "couldn't find key user in Secret city/x")), [], "FK-1203"),
        (pod(status=waiting("CreateContainerConfigError", "couldn't find key user in ConfigMap city/x")), [], "FK-1203"),
        (pod(status=waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root")), [], "FK-1206"),
        (pod(status=waiting("RunContainerError", "exec format error")), [], "FK-4004"),
        (pod(status=waiting("RunContainerError", "no such file")), [], "FK-5007"),
        (pod(status=crashed(128, "StartError")), [], "FK-5007"),
        (pod(status=waiting("ErrImagePull", "reg/denied/master:429: connection reset by peer"),
             spec={"containers": [{"name": "master", "image": "reg/denied/master:429"}]}), [], "FK-4009"),
        (pod(status=crashed(1)), [], "FK-5001"),
        (pod(status=crashed(137, "OOMKilled")), [], "FK-5002"),
        (pod(status={"reason": "Evicted", "phase": "Failed"}), [], "FK-5008"),
        (pod(status={"reason": "NodeLost"}), [], "FK-5009"),
        (pod(status={"reason": "OutOfcpu", "phase": "Failed", "message": "Node didn't have enough cpu"}), [], "FK-5015"),
        (pod(conditions=unscheduled("0/3 nodes are available: 3 Insufficient cpu.")), [], "FK-3001"),
        (pod(conditions=unscheduled("0/3 nodes are available: 3 Insufficient memory.")), [], "FK-3002"),
        (pod(conditions=unscheduled("0/3 nodes are available: 3 Too many pods.")), [], "FK-3003"),
        (pod(conditions=unscheduled("0/1 nodes are available: 1 node(s) had untolerated taint {a: b}.")), [], "FK-3004"),
        (pod(conditions=unscheduled("1 node(s) had untolerated taint {a: b}, 2 Insufficient cpu.")), [], "FK-3001"),
        (pod(conditions=unscheduled("3 node(s) didn't match Pod's node affinity/selector.")), [], "FK-3005"),
        (pod(conditions=unscheduled("pod has unbound immediate PersistentVolumeClaims")), [], "FK-3006"),
        (pod(conditions=unscheduled("1 node(s) didn't have free ports for the requested pod ports")), [], "FK-3007"),
        (pod(conditions=unscheduled("")), [], "FK-3009"),
        (pod(conditions=unscheduled("0/3 nodes are available: 3 Insufficient cpu.")),
         [event("NotTriggerScaleUp", "max node group size reached"), event("TriggeredScaleUp", "3->4", at="2026-01-01T00:00:01Z")], "FK-3008"),
        (pod(conditions=unscheduled("0/3 nodes are available: 3 Insufficient cpu.")),
         [event("TriggeredScaleUp", "3->4"), event("NotTriggerScaleUp", "max node group size reached", at="2026-01-01T00:00:01Z")], "FK-3001"),
        (pod(status={"containerStatuses": [{"name": "master", "ready": False, "state": {"running": {}}}]}),
         [event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")], "FK-5003"),
        (pod(status={"containerStatuses": [{"name": "master", "ready": False, "state": {"running": {}}}]}),
         [event("Unhealthy", "Startup probe failed: connection refused")], "FK-5014"),
        (pod(status={"containerStatuses": [{"name": "master", "ready": False, "restartCount": 1, "state": {"running": {}},
                                            "lastState": {"terminated": {"exitCode": 137, "reason": "Error"}}}]}),
         [event("Unhealthy", "Liveness probe failed: timeout"), event("Killing", "Container master failed liveness probe, will be restarted")], "FK-5004"),
        (pod(status={"initContainerStatuses": [{"name": "bootstrap", "ready": False, "state": {"running": {}}}]}), [], "FK-5005"),
        (pod(), [event("FailedMount", 'MountVolume.SetUp failed for volume "a" : secret "bus" not found')], "FK-1201"),
        (pod(), [event("FailedMount", 'configmap "c" not found')], "FK-1202"),
        (pod(), [event("FailedAttachVolume", "Multi-Attach error")], "FK-5010"),
        (pod(), [event("FailedCreatePodSandBox", 'plugin type="bridge" failed (add): no IP addresses available')], "FK-5013"),
    ],
)  # fmt: skip
def test_each_state_has_its_cause(given_pod, events, expected):
    assert [c.id for c in pod_causes(given_pod, events, "master")] == [expected]


def test_a_volume_that_is_mounted_by_now_is_not_to_blame():
    running = {"containerStatuses": [{"name": "master", "ready": False, "state": {"running": {}}}]}
    assert pod_causes(pod(status=running), [event("FailedMount", "timed out")], "master") == []


def test_what_is_left_of_the_time_that_a_startup_probe_allows_is_said():
    probe = {"httpGet": {"path": "/status", "port": "http"}, "periodSeconds": 2, "failureThreshold": 60}
    spec = {
        "containers": [{"name": "master", "startupProbe": probe, "ports": [{"name": "http", "containerPort": 8010}]}]
    }
    state = {"running": {"startedAt": "2026-01-01T10:00:00Z"}}
    starting = pod(spec=spec, status={"containerStatuses": [{"name": "master", "ready": False, "state": state}]})
    [found] = pod_causes(starting, [event("Unhealthy", "Startup probe failed: refused")], "master")
    assert "(GET /status on port 8010 (http)) may fail until 10:02:00 UTC" in found.summary
    assert found.container == "master"


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"tcpSocket": {"port": 5672}}, "TCP connect to port 5672"),
        ({"grpc": {"port": 9080}}, "gRPC health on port 9080"),
        ({"exec": {"command": ["rabbitmqctl", "status"]}}, "command rabbitmqctl status"),
        ({}, "its command"),
    ],
)
def test_a_probe_is_told_in_words(spec, says):
    asked = {"containers": [{"name": "master", "livenessProbe": spec}]}
    probe = probe_of(pod(spec=asked), "master", "liveness")
    assert (str(probe), probe.grace_s, probe.until("soon")) == (says, 30, "")


def test_an_old_pod_that_keeps_its_successor_waiting():
    told = pod()
    assert held_back(told, "master") is None
    told["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    assert held_back(told, "master") is None  # it has its time
    told["spec"] = {"nodeName": "away"}
    away = {"metadata": {"name": "away"}, "status": {"conditions": [{"type": "Ready", "status": "Unknown", "message": "Kubelet stopped posting node status."}]}}  # fmt: skip
    lost = held_back(told, "master", [away])
    assert (lost.id, lost.evidence) == ("FK-5009", ("Kubelet stopped posting node status.",))
    told["metadata"]["finalizers"] = ["backup.example/wait"]
    held = held_back(told, "master", [away])
    assert held.id == "FK-5012"
    assert "backup.example/wait" in held.summary


@pytest.mark.parametrize(
    ("deleting", "ready", "expected"), [(True, False, True), (False, True, True), (False, False, False)]
)
def test_only_of_some_pods_the_node_is_asked(deleting, ready, expected):
    suspect = pod(
        status={"containerStatuses": [{"name": "master", "ready": ready}]},
        conditions=[{"type": "Ready", "status": "False"}],
    )
    if deleting:
        suspect["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert may_be_lost(suspect) is expected


def test_an_init_container_that_crashes_is_told_from_the_main_one():
    status = {"initContainerStatuses": crashed(2)["containerStatuses"]}
    assert [c.id for c in pod_causes(pod(status=status), [], "master")] == ["FK-5006"]


def test_a_first_crash_may_heal_and_a_repeated_one_is_hopeless():
    kinds = [pod_causes(pod(status=crashed(1, restarts=n)), [], "master")[0].kind for n in (0, 1)]
    assert kinds == ["transient", "permanent"]


@pytest.mark.parametrize("change", [{"metadata": {"deletionTimestamp": "now"}}, {"status": {"phase": "Succeeded"}}])
def test_pods_that_go_or_went_are_not_to_blame(change):
    gone = pod(status=crashed(1))
    for key, value in change.items():
        gone[key] = {**gone[key], **value}
    assert pod_causes(gone, [], "master") == []


def test_events_of_another_pod_of_that_name_are_ignored():
    old = event("FailedMount", "no")
    old["involvedObject"]["uid"] = "the one before"
    assert pod_causes(pod(), [old], "master") == []


def test_a_volume_that_no_node_can_reach_names_its_claim_and_the_nodes_that_are_away():
    spec = {"containers": [], "volumes": [{"persistentVolumeClaim": {"claimName": "designer-data"}}]}
    message = "0/2 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity"
    nodes = [
        {"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": status}]}}
        for name, status in (("here", "True"), ("away", "Unknown"))
    ]
    [found] = pod_causes(pod(spec=spec, conditions=unscheduled(message)), [], "master", nodes)
    assert found.id == "FK-3006"
    assert "claim designer-data" in found.summary
    assert "node away" in found.summary
    assert "here" not in found.summary


def test_probe_text_names_path_and_port():
    spec = {
        "containers": [
            {"name": "master", "image": IMAGE, "readinessProbe": {"httpGet": {"path": "/status", "port": 8010}}}
        ]
    }
    status = {"containerStatuses": [{"name": "master", "ready": False, "state": {"running": {}}}]}
    found = pod_causes(pod(spec=spec, status=status), [event("Unhealthy", "Readiness probe failed: refused")], "master")
    assert "GET /status on port 8010" in found[0].summary


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('pods "master-1" is forbidden: exceeded quota: small', "FK-3010"),
        ('pods "master-1" is forbidden: failed quota: small: must specify limits.cpu', "FK-3010"),
        ('pods "master-1" is forbidden: violates PodSecurity "restricted:latest"', "FK-3011"),
        ('admission webhook "policy.example" denied the request: no', "FK-3011"),
        ('pods "master-1" is forbidden: maximum memory usage per Container is 64Mi, but limit is 512Mi', "FK-3013"),
        ('failed calling webhook "policy.example": connection refused', "FK-3014"),
        (
            'pods "master-1" is forbidden: error looking up service account city/x: serviceaccount "x" not found',
            "FK-1207",
        ),
        ('pods "master-1" is forbidden: no PriorityClass with name x was found', "FK-1205"),
    ],
)
def test_a_controller_that_may_not_make_pods(message, expected):
    owner = {"kind": "Deployment", "metadata": {"name": "master", "namespace": "city", "uid": "1"},
             "status": {"conditions": [{"type": "ReplicaFailure", "status": "True", "message": message}]}}  # fmt: skip
    assert [c.id for c in owner_causes(owner, [], "master")] == [expected]
    bare = {**owner, "status": {}}
    said = f"Error creating: {message}"
    made = {"reason": "FailedCreate", "message": said, "involvedObject": {"name": "master", "uid": "1"}}
    assert [c.id for c in owner_causes(bare, [made], "master")] == [expected]


@pytest.mark.parametrize(
    "message",
    [
        'Post "https://10.0.0.1:443/api/v1/namespaces/city/pods": dial tcp 10.0.0.1:443: connect: connection refused',
        "Internal error occurred: resource quota evaluation timed out",
        'pods "master-1" is forbidden: unable to create new content in namespace city because it is being terminated',
        "something new",
    ],
)
def test_a_pod_that_is_not_made_for_another_reason_may_be_made_later(message):
    owner = {"kind": "ReplicaSet", "metadata": {"name": "master", "namespace": "city", "uid": "1"}}
    made = {"reason": "FailedCreate", "message": f"Error creating: {message}", "involvedObject": {"name": "master", "uid": "1"}}  # fmt: skip
    [found] = owner_causes(owner, [made], "master")
    assert (found.kind, found.summary) == ("transient", "master: its pod cannot be created yet")
    assert found.evidence == (f"Error creating: {message}",)


def test_a_controller_that_has_made_its_pods_by_now_is_content():
    """Events remain for an hour."""
    owner = {
        "kind": "Deployment",
        "metadata": {"name": "master", "uid": "1"},
        "spec": {"replicas": 1},
        "status": {"replicas": 1},
    }
    refused = {"reason": "FailedCreate", "message": "exceeded quota", "involvedObject": {"name": "master", "uid": "1"}}
    assert owner_causes(owner, [refused], "master") == []


def test_a_paused_rollout():
    owner = {"kind": "Deployment", "metadata": {"name": "master", "namespace": "city"}, "spec": {"paused": True}}
    [found] = owner_causes(owner, [], "master")
    assert (found.id, found.kind) == ("FK-7003", "permanent")
    assert found.advice == ("kubectl -n city rollout resume deployment/master",)


def test_one_root_and_the_rest_wait_for_it():
    bus = cause("FK-4001", "rabbitmq", "pod/rabbitmq-1", "no image")
    crash = cause("FK-5001", "master", "pod/master-1", "crashes")
    found = root_first([crash, bus], ["rabbitmq", "master", "cloud-worker", "designer"])
    assert [(c.id, c.component) for c in found] == [
        ("FK-4001", "rabbitmq"), ("FK-6001", "master"), ("FK-6001", "cloud-worker"), ("FK-6001", "designer"),
    ]  # fmt: skip
    assert "waits for rabbitmq" in found[1].summary
    assert found[1].evidence == ("FK-5001: crashes",)


def test_a_missing_image_is_no_consequence_of_anything():
    both = [cause("FK-4001", "rabbitmq", "pod/a", "no image"), cause("FK-4001", "master", "pod/b", "no image")]
    assert [c.component for c in root_first(both, ["rabbitmq", "master"]) if c.kind == "permanent"] == [
        "rabbitmq",
        "master",
    ]


EVENTS = [
    event(reason, words, at=at)
    for reason, words in (
        ("Unhealthy", "Readiness probe failed: refused"),
        ("Unhealthy", "Startup probe failed: refused"),
        ("Killing", "Container master failed liveness probe, will be restarted"),
        ("FailedMount", 'secret "bus" not found'),
        ("FailedCreatePodSandBox", "no network"),
        ("Failed", f"Failed to pull image {IMAGE}: not found"),
        ("Pulling", f"Pulling image {IMAGE}"),
        ("TriggeredScaleUp", "3->4"),
        ("NotTriggerScaleUp", "no"),
    )
    for at in ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", None)
]
PODS = [
    pod(),
    pod(status=waiting("ImagePullBackOff")),
    pod(status=crashed(137)),
    pod(status={"containerStatuses": [{"name": "master", "ready": False, "state": {"running": {}}}]}),
    pod(conditions=unscheduled("0/1 nodes are available: 1 Insufficient cpu.")),
]


@given(st.sampled_from(PODS), st.lists(st.sampled_from(EVENTS), max_size=8), st.randoms())
def test_any_order_of_events_gives_the_same_causes(given_pod, events, random):
    shuffled = list(events)
    random.shuffle(shuffled)
    assert pod_causes(given_pod, events, "master") == pod_causes(given_pod, shuffled, "master")
    assert is_pulling(given_pod, events) == is_pulling(given_pod, shuffled)


@given(
    st.lists(st.tuples(st.sampled_from(sorted(ENTRIES)), st.sampled_from(NAMES)), max_size=8),
    st.sets(st.sampled_from(NAMES)),
    st.randoms(),
)
def test_any_order_gives_the_same_answer(pairs, not_ready, random):
    causes = [cause(id_, name, f"pod/{name}", f"{name} {id_}") for id_, name in pairs]
    shuffled = list(causes)
    random.shuffle(shuffled)
    assert root_first(causes, sorted(not_ready)) == root_first(shuffled, sorted(not_ready, reverse=True))


def test_every_component_that_is_down_is_accounted_for_once_there_is_a_root():
    for root, other in itertools.permutations(NAMES, 2):
        found = root_first([cause("FK-4001", root, f"pod/{root}", "x")], [root, other])
        assert found[0].component == root


def test_pulling_is_the_kubelets_last_word():
    creating = pod(status=waiting("ContainerCreating"))
    began = event("Pulling", f"Pulling image {IMAGE}", at="2026-01-01T00:00:01Z")
    ended = event("Pulled", "Successfully pulled", at="2026-01-01T00:00:09Z")
    assert is_pulling(creating, [began])
    assert not is_pulling(creating, [began, ended])
    assert not is_pulling(pod(status=waiting("ImagePullBackOff")), [began])


anything = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda s: st.lists(s, max_size=3) | st.dictionaries(st.text(max_size=6), s, max_size=3), max_leaves=8)  # fmt: skip


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "phase": st.sampled_from(["Pending", "Running", "Failed"]),
            "reason": st.text(max_size=5),
            "conditions": st.none() | st.lists(st.fixed_dictionaries({"type": st.sampled_from(["Ready", "PodScheduled"])}, optional={"status": st.sampled_from(["True", "False"]), "message": st.text(max_size=9)}), max_size=2),
            "containerStatuses": st.none() | st.lists(st.fixed_dictionaries({"name": st.just("master")}, optional={
                "state": st.none() | st.fixed_dictionaries({}, optional={"waiting": st.none() | st.fixed_dictionaries({}, optional={"reason": st.sampled_from(["ErrImagePull", "CrashLoopBackOff", "odd"]), "message": st.text(max_size=9)}), "running": st.just({}), "terminated": st.fixed_dictionaries({}, optional={"exitCode": st.integers(0, 255)})}),
                "restartCount": st.none() | st.integers(0, 9), "lastState": st.none() | st.just({})}), max_size=2),
        },
    )
)  # fmt: skip
def test_no_status_block_breaks_it(status):
    found = pod_causes({"metadata": {"name": "m"}, "spec": {}, "status": status}, [], "master")
    assert all(c.id in ENTRIES for c in found)


@pytest.mark.parametrize(("label", "expected"), [("edge", "FK-3004"), ("cloud", "FK-3005")])
def test_a_taint_is_told_from_a_selector_that_matches_nothing(label, expected):
    """The scheduler's message is the same for both: 1 node is tainted, 2 do not match."""
    words = "0/3 nodes are available: 1 node(s) had untolerated taint {a: b}, 2 node(s) didn't match Pod's node affinity/selector."
    spec = {"nodeSelector": {"role": "edge"}, "containers": [{"name": "master", "image": IMAGE}]}
    nodes = [{"metadata": {"labels": {"role": label}}}, {"metadata": {"labels": {}}}]
    assert [c.id for c in pod_causes(pod(spec=spec, conditions=unscheduled(words)), [], "master", nodes)] == [expected]
