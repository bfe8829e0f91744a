"""The API server's messages about refused requests: missing permission, terminating namespace, admission."""

import pytest

from fogflow_k8s.model.diagnosis.admission_messages import ending_namespace, from_first, lacks_right, refusal
from fogflow_k8s.model.diagnosis.catalogue import ENTRIES

BUDGET_S = 5

# as API servers write them
REFUSED = [
    ("FK-3010", 'services "nginx" is forbidden: exceeded quota: objects, requested: services=1, used: services=8, limited: services=8'),
    ("FK-3010", 'pods "a" is forbidden: failed quota: small: must specify limits.cpu for: a'),
    ("FK-3010", 'pods "a" is forbidden: status unknown for quota: small, resources: pods'),
    ("FK-3010", 'pods "a" is forbidden: insufficient quota to consume: requests.cpu'),
    ("FK-3013", 'persistentvolumeclaims "a" is forbidden: maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi'),
    ("FK-3013", 'pods "a" is forbidden: [minimum cpu usage per Container is 1, but request is 100m, memory max limit to request ratio per Pod is 2, but provided ratio is 4.000000]'),
    ("FK-1207", 'pods "a" is forbidden: error looking up service account city/fogflow: serviceaccount "fogflow" not found'),
    ("FK-1205", 'pods "a" is forbidden: no PriorityClass with name gold was found'),
    ("FK-3011", 'pods "a" is forbidden: violates PodSecurity "restricted:latest": hostPath volumes (volume "config")'),
    ("FK-3011", "deployments.apps \"nginx\" is forbidden: ValidatingAdmissionPolicy 'no-tag' with binding 'b' denied request: exceeded quota: "),
    ("FK-3011", 'admission webhook "policy.example.io" denied the request: services "nginx" is forbidden: User "bob" cannot create resource "services"'),
    ("FK-3014", 'Internal error occurred: failed calling webhook "x.example.io": failed to call webhook: Post "https://x.y.svc:443/?timeout=10s": context deadline exceeded'),
    ("FK-3014", 'failed calling webhook "x.example.io": failed to call webhook: the server could not find the requested resource'),
]  # fmt: skip
RIGHTS = [
    'secrets is forbidden: User "bob" cannot list resource "secrets" in API group "" in the namespace "city"',
    'nodes is forbidden: User "CN=bob smith" cannot list resource "nodes" in API group "" at the cluster scope',
    'forbidden: User "system:anonymous" cannot get path "/version"',
    'roles.rbac.authorization.k8s.io "w" is forbidden: user "bob" (groups=["a"]) is attempting to grant RBAC permissions not currently held:\n{}',
    'pods "a" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you can\'t set finalizers on: , <nil>',
]
ENDING = (
    'services "nginx" is forbidden: unable to create new content in namespace city-tasks because it is being terminated'
)
OTHER = [
    "Internal error occurred: resource quota evaluation timed out",
    "Timeout: request did not complete within requested timeout - context deadline exceeded",
    'Service "nginx" is invalid: spec.ports[0].port: Forbidden: exceeded quota: no',
    'services "exceeded quota" not found',
    "",
]


@pytest.mark.parametrize(("id_", "words"), REFUSED)
@pytest.mark.parametrize("before", ["", "Error creating: ", "UPGRADE FAILED: cannot patch: "])
def test_admission(id_, words, before):
    found = refusal(from_first(before + words))
    assert (found.id, found.words) == (id_, words)
    assert not lacks_right(words)
    assert not ending_namespace(words)
    assert found.object == (words.split(" is forbidden")[0] if words.startswith(("pod", "serv", "per", "dep")) else "")
    assert "the pod" in found.about("the pod")


@pytest.mark.parametrize("id_", sorted({id_ for id_, words in REFUSED if not words.startswith("pods ")}))
def test_the_title_of_what_may_refuse_any_object_speaks_of_no_pod(id_):
    assert "an object of the release" in ENTRIES[id_].title


@pytest.mark.parametrize("words", RIGHTS)
def test_a_missing_right(words):
    assert lacks_right(words)
    assert refusal(words) is None


def test_a_namespace_that_ends():
    assert ending_namespace(ENDING) == "city-tasks"
    assert (refusal(ENDING), lacks_right(ENDING)) == (None, False)


@pytest.mark.parametrize("words", OTHER)
def test_anything_else(words):
    assert (refusal(words), lacks_right(words), ending_namespace(words), from_first(words)) == (None, False, "", "")
