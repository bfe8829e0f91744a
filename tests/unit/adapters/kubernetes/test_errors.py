"""Errors of the API server, from its own answers and from Helm's messages that quote them."""

import json

import pytest

from fogflow_k8s.adapters.helm.client import Target
from fogflow_k8s.adapters.helm.errors import classify
from fogflow_k8s.adapters.kubernetes.errors import Invalid, error_for_response
from fogflow_k8s.adapters.process import Completed

BUDGET_S = 5

ENDING = (
    'roles.rbac.authorization.k8s.io "fogflow-worker" is forbidden: unable to create new content in namespace city-tasks '
    "because it is being terminated"
)


def from_helm(message):
    return classify(Completed(("helm",), 1, "", f"Error: {message}\n", 0.0), Target("fogflow", "city"))


def from_server(message, status=403):
    return error_for_response(status, json.dumps({"message": message}).encode(), "https://test")


@pytest.mark.parametrize("said", [from_helm, from_server])
def test_a_terminating_namespace_is_not_a_missing_permission(said):
    error = said(ENDING)
    assert error.message == "namespace city-tasks is still being deleted: nothing can be created in it"
    assert "kubectl wait --for=delete namespace/city-tasks" in error.hint
    other = said('pods "x" is forbidden: User "jane" cannot create resource "pods"')
    assert (other.status, "ask your cluster administrator for a Role" in other.hint) == (403, True)


@pytest.mark.parametrize(
    ("status", "id_", "message", "names"),
    [
        (403, "FK-3010", 'services "nginx" is forbidden: exceeded quota: q, requested: services=1, used: services=8', 'services "nginx"'),
        (403, "FK-3013", 'pods "a" is forbidden: maximum cpu usage per Pod is 1, but limit is 2', 'pods "a"'),
        (422, "FK-3011", "deployments.apps \"nginx\" is forbidden: ValidatingAdmissionPolicy 'p' denied request: no", 'deployments.apps "nginx"'),
        (400, "FK-3011", 'admission webhook "p.example.io" denied the request: User "x" cannot use latest', "the object"),
        (404, "FK-3011", 'admission webhook "p.example.io" denied the request: no such policy', "the object"),
        (500, "FK-3014", 'Internal error occurred: failed calling webhook "x.example.io": failed to call webhook: Post "https://x.y.svc:443/": EOF', 'webhook "x.example.io"'),
    ],
)  # fmt: skip
def test_a_refusal_by_admission_is_permanent_and_not_a_missing_permission(status, id_, message, names):
    error = from_server(message, status)
    assert isinstance(error, Invalid), "who tries an object in a dry run goes on with the next one"
    assert (error.id, error.status, error.passing) == (id_, 422, False)
    assert names in error.message
    assert error.message.endswith(message)
    assert error.hint.startswith("kubectl ")


@pytest.mark.parametrize("message", ["secrets is forbidden", "Forbidden", "the proxy says no"])
def test_any_other_403_is_a_missing_permission(message):
    assert from_server(message).message == f"not allowed: {message}"
