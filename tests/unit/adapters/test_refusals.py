"""What the API server says, by its own words and those that Helm repeats."""

import json

import pytest

from fogflow_k8s.adapters.helm import Target
from fogflow_k8s.adapters.helm_errors import classify
from fogflow_k8s.adapters.process import Completed
from fogflow_k8s.adapters.refusals import refused

BUDGET_S = 5

ENDING = (
    'roles.rbac.authorization.k8s.io "fogflow-worker" is forbidden: unable to create new content in namespace city-tasks '
    "because it is being terminated"
)


def from_helm(message):
    return classify(Completed(("helm",), 1, "", f"Error: {message}\n", 0.0), Target("fogflow", "city"))


def from_server(message):
    return refused(403, json.dumps({"message": message}).encode(), "https://test")


@pytest.mark.parametrize("said", [from_helm, from_server])
def test_a_namespace_that_is_being_deleted_is_no_missing_right(said):
    error = said(ENDING)
    assert error.message == "namespace city-tasks is still being deleted: nothing can be made in it"
    assert "kubectl wait --for=delete namespace/city-tasks" in error.hint
    other = said('pods "x" is forbidden: User "jane" cannot create resource "pods"')
    assert (other.status, "ask for a Role" in other.hint) == (403, True)
