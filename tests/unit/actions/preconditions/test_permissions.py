"""Which permissions are missing: the rules of a namespace answer what they can, the API server is asked about the rest."""

from types import SimpleNamespace

import pytest

from fogflow_k8s.actions.preconditions.permissions import missing
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model.release.permissions import Right, granted

BUDGET_S = 5
PODS, PROXIES = Right("fogflow", "", "pods", "list"), Right("fogflow", "apps", "deployments", "patch")
LOGS, NODES = Right("fogflow", "", "pods/log", "get"), Right("", "", "nodes", "list")
SPACE = Right("fogflow", "", "namespaces", "get")
ALL = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}


class Authoriser:
    """An API server that allows `allowed`, and lists `rules` for every namespace."""

    def __init__(self, allowed=(), rules=(), *, incomplete=False, error=0):
        self.allowed, self.rules, self.incomplete, self.error = allowed, rules, incomplete, error
        self.listed, self.asked = [], []

    def create(self, review):
        if review["kind"] == "SelfSubjectRulesReview":
            self.listed.append(review["spec"]["namespace"])
            if self.error:
                raise ClusterError("it does not answer that", status=self.error)
            return {
                "status": {"resourceRules": list(self.rules), "nonResourceRules": [], "incomplete": self.incomplete}
            }
        a = review["spec"]["resourceAttributes"]
        resource = a["resource"] + ("/" if a["subresource"] else "") + a["subresource"]
        self.asked.append(Right(a["namespace"], a["group"], resource, a["verb"]))
        return {"status": {"allowed": self.asked[-1] in self.allowed}}


def missing_of(authoriser, *rights):
    return missing(SimpleNamespace(cluster=authoriser), rights)


def test_rules_answer_for_their_namespace_and_nothing_else():
    server = Authoriser(allowed=[NODES, SPACE], rules=[ALL])
    elsewhere = Right("tasks", "", "pods", "list")
    assert missing_of(server, PODS, PROXIES, LOGS, NODES, SPACE, elsewhere) == []
    assert server.listed == ["fogflow", "tasks"]
    assert sorted(server.asked) == sorted([NODES, SPACE]), "what belongs to no namespace"


def test_what_no_rule_grants_is_asked_for_so_that_a_refusal_is_exact():
    some = {"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}
    server = Authoriser(allowed=[LOGS], rules=[some])
    assert missing_of(server, PODS, PROXIES, LOGS) == [PROXIES]
    assert sorted(server.asked) == sorted([PROXIES, LOGS])


@pytest.mark.parametrize("how", [{"incomplete": True}, {"error": 403}, {"error": 404}, {}])
def test_without_a_complete_list_everything_is_asked_for(how):
    server = Authoriser(allowed=[PODS], rules=[ALL] if how else [], **how)
    assert missing_of(server, PODS, PROXIES) == [PROXIES]
    assert sorted(server.asked) == sorted([PODS, PROXIES])


def test_another_error_is_no_answer():
    with pytest.raises(ClusterError, match="does not answer"):
        missing_of(Authoriser(error=503), PODS)


@pytest.mark.parametrize(
    ("rule", "right", "expected"),
    [
        ({}, PODS, True),
        ({"verbs": ["get", "list"]}, PODS, True),
        ({"verbs": ["get"]}, PODS, False),
        ({"apiGroups": [""]}, PODS, True),
        ({"apiGroups": ["apps"]}, PODS, False),
        ({"apiGroups": ["apps"]}, PROXIES, True),
        ({"resources": ["pods"]}, PODS, True),
        ({"resources": ["pods"]}, LOGS, False),
        ({"resources": ["pods/log"]}, LOGS, True),
        ({"resources": ["pods/log"]}, PODS, False),
        ({"resources": ["*/log"]}, LOGS, True),
        ({"resources": ["*/log"]}, PODS, False),
        ({"resources": ["*/exec"]}, LOGS, False),
        ({"resources": ["pods/*"]}, LOGS, False),  # means nothing in RBAC
        ({"resourceNames": ["one"]}, PODS, False),
        ({"resourceNames": []}, PODS, True),
        ({"verbs": None}, PODS, False),
    ],
)
def test_a_rule_grants_what_rbac_would_grant_by_it(rule, right, expected):
    assert granted(right, [{**ALL, **rule}]) is expected


def test_verb_group_and_resource_must_be_of_one_rule():
    reads = {"verbs": ["list"], "apiGroups": ["apps"], "resources": ["*"]}
    other = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}
    assert not granted(PODS, [reads, other])
