"""Error messages of Helm, and of the API server through Helm, give the right error for any names and numbers in them."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogflow_k8s.adapters.helm.client import Target
from fogflow_k8s.adapters.helm.errors import (
    HelmConflict,
    HookFailed,
    ObjectRefused,
    ReleaseLocked,
    ReleaseNotFound,
    classify,
)
from fogflow_k8s.adapters.process import Completed
from fogflow_k8s.errors import ClusterError, OperationFailed
from tests.scope import examples

BUDGET_S = 10
HERE = Target("fogflow", "city")
# captured from Helm 3.19 and 4.3; the sort is the error's class, the catalogue's id, or the HTTP status
SAID = [
    ("FK-3014", 'Error: UPGRADE FAILED: Internal error occurred: failed calling webhook "validate.example.io": failed to call webhook: Post "https://hook.default.svc:443/v?timeout=10s": dial tcp 10.96.3.4:443: connect: connection refused'),
    ("FK-3014", 'Error: INSTALLATION FAILED: Internal error occurred: failed calling webhook "x.example.io": failed to call webhook: Post "https://x.y.svc:443/?timeout=10s": context deadline exceeded'),
    ("FK-3014", 'Error: UPGRADE FAILED: failed to create resource: Internal error occurred: failed calling webhook "x.example.io": failed to call webhook: Post "https://x.y.svc:443/?timeout=10s": EOF'),
    ("FK-3014", 'Error: UPGRADE FAILED: cannot patch "nginx" with kind Service: Internal error occurred: failed calling webhook "x.example.io": no endpoints available for service "x"'),
    ("FK-3010", 'Error: UPGRADE FAILED: services "nginx" is forbidden: exceeded quota: objects, requested: services=1, used: services=8, limited: services=8'),
    ("FK-3010", 'Error: UPGRADE FAILED: secrets "fogflow" is forbidden: exceeded quota: objects, requested: secrets=1, used: secrets=8, limited: secrets=8'),
    ("FK-3010", 'Error: INSTALLATION FAILED: failed to create resource: jobs.batch "x" is forbidden: failed quota: q: must specify limits.cpu for: a'),
    ("FK-3013", 'Error: UPGRADE FAILED: pods "x" is forbidden: maximum cpu usage per Container is 100m, but limit is 200m'),
    ("FK-3013", 'Error: UPGRADE FAILED: pods "x" is forbidden: [minimum memory usage per Container is 100Mi, but request is 50Mi, maximum cpu usage per Pod is 1, but limit is 2]'),
    ("FK-3011", "Error: UPGRADE FAILED: deployments.apps \"nginx\" is forbidden: ValidatingAdmissionPolicy 'no-tag' with binding 'b' denied request: this tag is not allowed"),
    ("FK-3011", 'Error: INSTALLATION FAILED: admission webhook "policy.example.io" denied the request: [rule] privileged is not allowed'),
    ("FK-3011", 'Error: UPGRADE FAILED: admission webhook "validate.kyverno.svc-fail" denied the request: \n\nresource Deployment/city/nginx was blocked due to the following policies \n\nlatest: User "x" cannot use latest'),
    ("FK-3011", 'Error: INSTALLATION FAILED: pods "x" is forbidden: violates PodSecurity "restricted:latest": hostPath volumes (volume "a")'),
    (HookFailed, "Error: failed pre-delete: 1 error occurred:\n\t* timed out waiting for the condition"),
    (HookFailed, "Error: failed pre-delete: 1 error occurred: * timed out waiting for the condition"),
    (HookFailed, "Error: UPGRADE FAILED: pre-upgrade hooks failed: context deadline exceeded"),
    (HookFailed, "Error: UPGRADE FAILED: pre-upgrade hooks failed: 1 error occurred:\n\t* job fogflow-check failed: BackoffLimitExceeded"),
    (OperationFailed, "level=WARN msg=\"command failed\" error=\"unable to read registry configuration: invalid character 'x'\""),
    (OperationFailed, 'Error: UPGRADE FAILED: cannot patch "nginx" with kind Service: Service "nginx" is invalid: spec.clusterIP: Invalid value: "": field is immutable'),
    (403, 'Error: INSTALLATION FAILED: rolebindings.rbac.authorization.k8s.io is forbidden: User "bob" cannot create resource "rolebindings" in API group "rbac.authorization.k8s.io" in the namespace "fogflow"'),
    (403, 'Error: query: failed to query with labels: secrets is forbidden: User "bob" cannot list resource "secrets" in API group "" in the namespace "city"'),
    (403, 'Error: UPGRADE FAILED: roles.rbac.authorization.k8s.io "w" is forbidden: user "bob" (groups=["a"]) is attempting to grant RBAC permissions not currently held: {APIGroups:[""]}'),
    (409, 'Error: UPGRADE FAILED: roles.rbac.authorization.k8s.io "w" is forbidden: unable to create new content in namespace city-tasks because it is being terminated'),
    (0, 'Error: INSTALLATION FAILED: Kubernetes cluster unreachable: Get "https://127.0.0.1:6443/version": dial tcp 127.0.0.1:6443: connect: connection refused'),
    (0, 'Error: UPGRADE FAILED: Get "https://127.0.0.1:6443/api/v1/namespaces/fogflow/secrets": EOF'),
    (0, 'Error: UPGRADE FAILED: cannot patch "nginx" with kind Service: Patch "https://127.0.0.1:6443/api/v1/namespaces/city/services/nginx?fieldManager=helm": net/http: TLS handshake timeout'),
    (0, 'Error: query: failed to query with labels: Get "https://k.example/api/v1/namespaces/city/secrets?labelSelector=x": net/http: request canceled (Client.Timeout exceeded while awaiting headers)'),
    (0, 'Error: UPGRADE FAILED: Get "https://h.example/k8s/clusters/c-1/apis/apps/v1/namespaces/a/deployments/b": read tcp 10.0.0.1:5->10.0.0.2:443: read: connection reset by peer'),
    (0, 'Error: UPGRADE FAILED: could not get apiVersions from Kubernetes: could not get apiVersions from Kubernetes: Get "http://127.0.0.1:39545/apis?timeout=32s": net/http: HTTP/1.x transport connection broken: malformed HTTP response "0"'),
    (401, "Error: kubernetes cluster unreachable: the server has asked for the client to provide credentials"),
    (401, "Error: query: failed to query with labels: Unauthorized"),
    (0, 'Error: unable to continue with install: could not get information about the resource Service "nginx" in namespace "city": Get "http://127.0.0.1:6443/api/v1/namespaces/city/services/nginx": EOF'),
    ("FK-3010", 'Error: failed pre-install: warning: Hook pre-install h/templates/j.yaml failed: server-side apply failed for object city/cleanup batch/v1, Kind=Job: jobs.batch "cleanup" is forbidden: exceeded quota: objects, requested: count/jobs.batch=1'),
    (HookFailed, "Error: failed pre-install: resource Job/city/cleanup not ready. status: Unknown, message: \ncontext deadline exceeded"),
    (HelmConflict, 'Error: UPGRADE FAILED: conflict occurred while applying object city/nginx apps/v1, Kind=Deployment: Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas'),
    (ReleaseNotFound, "Error: release: not found"),
    (ReleaseNotFound, 'Error: UPGRADE FAILED: "fogflow" has no deployed releases'),
    (ReleaseLocked, "Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress"),
]  # fmt: skip
NOISE = ["", "WARNING: Kubernetes configuration file is group-readable. This is insecure.\n", "I1127 10:00:00.403401 1 warnings.go:110] 404 EOF\n",
         'level=WARN msg="a warning: connection refused"\n', "2026/11/27 10:00:00 manifest unknown\n"]  # fmt: skip


HOSTS = ["127.0.0.1:6443", "[2001:db8::404]:443", "eof.example.org:8403", "unauthorized.example", "10.4.0.3:503"]


def sort_of(stderr):
    error = classify(Completed(("helm",), 1, "", stderr, 0.0), HERE)
    if isinstance(error, ObjectRefused):
        return error.id
    return error.status if isinstance(error, ClusterError) else type(error)


@pytest.mark.parametrize(("sort", "words"), SAID)
def test_captured_messages(sort, words):
    assert sort_of(words + "\n") == sort


@pytest.mark.parametrize(("sort", "words"), SAID)
@settings(max_examples=examples(30, 1000))
@given(data=st.data())
def test_numbers_names_and_log_lines_change_nothing(sort, words, data):
    numbers = st.sampled_from(["401", "403", "404", "429", "500"]) | st.integers(0, 10**6).map(str)
    said = re.sub(r"(?<![\w/])\d{2,}(?![\w.]*/)", lambda _: data.draw(numbers), words)
    said = said.replace(
        "validate.example.io", data.draw(st.sampled_from(["eof.io", "forbidden.example", "quota.example"]))
    )
    said = re.sub(r"(?<=://)[^/\"]+(?=/)", lambda _: data.draw(st.sampled_from(HOSTS)), said)
    assert sort_of(data.draw(st.sampled_from(NOISE)) + said + "\n") == sort, said


def test_the_object_and_the_advice_are_named():
    error = classify(Completed(("helm",), 1, "", SAID[4][1], 0.0), HERE)
    assert error.object == 'services "nginx"'
    assert error.message.startswith('a ResourceQuota does not allow services "nginx": ')
    assert error.hint
    error = classify(Completed(("helm",), 1, "", SAID[3][1], 0.0), HERE)
    assert error.object == 'Service "nginx"'


def said(words):
    return classify(Completed(("helm",), 1, "", words, 0.0), HERE).message


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("Error: failed pre-delete: 2 errors occurred:\n\t* context canceled\n\t* job cleanup failed: BackoffLimitExceeded\n\n",
         "the pre-delete hook (Job cleanup) failed: job cleanup failed: BackoffLimitExceeded"),
        ("Error: failed pre-install: resource Job/city/cleanup not ready. status: Unknown, message: \ncontext deadline exceeded",
         "the pre-install hook (Job cleanup) did not end in time: resource Job/city/cleanup not ready. status: Unknown, message:"),
        ('Error: UPGRADE FAILED: cannot patch "a" with kind Service: first && cannot patch "b" with kind Service: second',
         'UPGRADE FAILED: cannot patch "a" with kind Service: first\ncannot patch "b" with kind Service: second'),
        ("Error: uninstallation completed with 2 error(s): context canceled; configmaps not deleted",
         "uninstallation completed with 2 error(s): configmaps not deleted\ncontext canceled"),
        ('level=WARN msg="command failed" error="failed to decode config file bad.json: invalid character \'x\'"',
         "failed to decode config file bad.json: invalid character 'x'"),
        ('level=WARN msg="command failed" error="first"\nError: second', "second"),
        ("Error: kubernetes cluster unreachable: the server has asked for the client to provide credentials",
         "the API server does not accept this user: kubernetes cluster unreachable: the server has asked for the client to provide credentials"),
    ],
)  # fmt: skip
def test_the_first_real_problem_is_named_with_the_hooks_job(words, says):
    assert said(words) == says


@pytest.mark.parametrize(
    ("code", "says"), [(-9, "helm was killed by signal 9"), (3, "helm exited with code 3 and printed nothing")]
)
def test_a_helm_without_output(code, says):
    assert classify(Completed(("helm",), code, "", "", 0.0), HERE).message == says


def test_no_secret_is_in_the_message():
    error = classify(Completed(("helm",), 1, "", "Error: bad value password=hunter22-hunter22", 0.0), HERE)
    assert "hunter22" not in str(error) + error.message
