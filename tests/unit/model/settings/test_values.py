"""values.yaml: defaults at every depth, given values, and rules between keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from pydantic import ValidationError

from fogflow_k8s.commands.edge import NOT_KNOWN_YET
from fogflow_k8s.model.settings.base import difference, merge, reachable
from fogflow_k8s.model.settings.edge import EdgeValues
from fogflow_k8s.model.settings.values import Values, defaults
from fogflow_k8s.model.suggestions import nearest
from tests.scope import examples
from tests.strategies import settings


def test_one_deep_key_leaves_its_neighbours_at_the_chart_s_defaults():
    values = Values.model_validate({"broker": {"image": {"tag": "x"}}})
    assert values.broker.image.repository == "fogflow/broker"
    assert values.broker.pod_security_context.run_as_user == 65532
    assert Values.model_validate({"rabbitmq": {"image": {}}}).rabbitmq.image.tag == "4.3"


def test_given_values_are_distinguished_from_defaults():
    data = {"broker": {"image": {"tag": "x"}}, "config": {"external_ip": "192.0.2.1"}, "replicaCount": 2}
    said = Values.model_validate(data).model_dump(exclude_unset=True)
    assert said == {
        "broker": {"image": {"tag": "x"}},
        "config": {"external_hostip": "192.0.2.1"},
        "replicaCount": 2,
    }
    assert Values().model_dump(exclude_unset=True) == {}
    assert Values().model_dump() == defaults()


@given(data=settings())
@hypothesis_settings(max_examples=examples(100))
def test_given_values_are_sufficient(data):
    values = Values.model_validate(data)
    assert Values.model_validate(values.model_dump(exclude_unset=True)) == values


def test_merge_works_as_in_helm():
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    assert merge(base, {"a": {"c": [3]}, "d": {"e": 1}}) == {"a": {"b": 1, "c": [3]}, "d": {"e": 1}}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": 1}


@given(data=settings(), other=settings())
def test_a_difference_merged_into_the_base_gives_the_data(data, other):
    target = merge(data, other)
    assert merge(data, difference(data, target)) == target


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"replicaCount": 0}, "greater than or equal to 1"),
        ({"broker": {"replicas": 2}}, "Extra inputs"),
        ({"broker": {"podSecurityContext": {"runAsUser": 0}}}, "greater than or equal to 1"),
        ({"broker": {"pod_security_context": {}}}, "Extra inputs"),
        ({"broker": {"resources": {"limits": {"cpu": "a lot"}}}}, "amount like"),
        ({"broker": {"resources": {"limits": {"cpu": True}}}}, "amount like"),
        (
            {"broker": {"resources": {"requests": {"cpu": 64}}}},
            "requests.cpu is 64, but limits.cpu is 4: raise that, too",
        ),
        ({"bootstrap": {"resources": {"requests": {"memory": "65Mi"}}}}, "limits.memory is 64Mi"),
        ({"externalIPs": ["1.2.3.400"]}, "not an IP address"),
        ({"expose": {"type": "externalIPs"}}, "externalIPs is empty"),
        ({"expose": {"type": "gateway"}}, "expose.gateway.name"),
        ({"expose": {"type": "tunnel"}}, "loadBalancer"),
        ({"expose": {"edge": {"type": "nodePort"}}}, "needs networkPolicy.edges.cidrs"),
        (
            {"expose": {"edge": {"type": "nodePort"}}, "networkPolicy": {"edges": {"cidrs": ["0.0.0.0/0"]}}},
            "admits every address",
        ),
        (
            {"expose": {"edge": {"type": "externalIPs"}}, "networkPolicy": {"edges": {"cidrs": ["10.0.0.0/8"]}}},
            "expose.edge.externalIPs is empty",
        ),
        (
            {"expose": {"type": "ingress", "ingress": {"annotations": {"cert-manager.io/issuer": "x"}}}},
            "expose.ingress.host is empty",
        ),
        ({"rabbitmq": {"auth": {"username": "guest"}}}, "must not be guest"),
        ({"rabbitmq": {"auth": {"password": "sésame"}}}, "pattern"),
        ({"rabbitmq": {"auth": {"password": "x" * 16, "existingSecret": "y"}}}, "exclude each other"),
        ({"rabbitmq": {"external": {"host": "x"}}}, "needs a login"),
        ({"networkPolicy": {"edges": {"cidrs": ["anywhere"]}}}, "pattern"),
        ({"worker": {"implementation": "ours"}}, "upstream"),
        ({"worker": {"tasks": {"requests": {"memory": "1Gi"}}}}, "requests.memory is 1Gi, but limits.memory is 256Mi"),
        (
            {"worker": {"implementation": "native"}, "configJson": {"hostPath": {"path": "/x"}}},
            "use config, or worker.implementation upstream",
        ),
        ({"worker": {"implementation": "native"}}, "images build --push .*set worker.implementation to upstream"),
        ({"broker": "x"}, "valid dictionary"),
        (
            {"broker": {"shards": 2}},
            "notify each other without end.* Allowed: broker.shards 1.*acceptNotificationLoops true",
        ),
    ],
)
def test_what_is_refused(data, says):
    with pytest.raises(ValidationError, match=says):
        Values.model_validate(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, False),
        ({"externalIPs": ["192.0.2.1"]}, True),
        ({"Service": {"spec": {"externalIPs": ["192.0.2.1"]}}}, True),
        ({"expose": {"type": "nodePort"}}, True),
        ({"expose": {"type": "nodePort", "basicAuth": {"existingSecret": "login"}}}, False),
    ],
)
def test_exposure_without_a_login(data, said):
    assert Values.model_validate(data).open_to_all == said


def test_the_address_of_a_fogflow():
    assert Values().address == ""
    assert Values.model_validate({"Service": {"spec": {"externalIPs": ["192.0.2.2"]}}}).address == "192.0.2.2"
    named = {"externalIPs": ["192.0.2.1"], "config": {"coreservice_ip": "fogflow.example.org"}}
    assert Values.model_validate(named).address == "fogflow.example.org"


@pytest.mark.parametrize(
    ("word", "meant"), [("siteid", "site_id"), ("coreserviceip", "coreservice_ip"), ("worker", "worker"), ("zzz", "")]
)
def test_nearest(word, meant):
    assert nearest(word, ["site_id", "coreservice_ip", "worker"]) == meant


EMPTY = ("nodeSelector", "affinity", "tolerations", "topologySpreadConstraints", "podAnnotations", "podLabels")


@pytest.mark.parametrize(
    "component", ["rabbitmq", "discovery", "broker", "master", "worker", "designer", "nginx", "dgraph", "keeper"]
)
def test_null_leaves_the_ids_of_a_pod_to_the_platform_and_empties_maps_and_lists(component):
    """As the comments in values.yaml describe it; in Helm a null removes the chart's default."""
    data = {component: dict.fromkeys(("podSecurityContext", *EMPTY))}
    given = Values.model_validate(data).given()
    ids = dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"))
    assert given[component]["podSecurityContext"] == ids
    assert not any(given[component].get(key) for key in EMPTY)
    assert data[component]["podSecurityContext"] is None, "what was given is not changed"


def test_null_empties_the_lists_of_an_edge_and_of_all_components_too():
    edge = EdgeValues.model_validate({"worker": {"podSecurityContext": None}, "global": {"tolerations": None}})
    assert edge.worker.pod_security_context.run_as_user is None
    assert Values.model_validate({"externalIPs": None, "podAnnotations": None}).external_ips == []


@pytest.mark.parametrize(
    "data", [{"discovery": None}, {"config": None}, {"broker": {"image": None}}, {"broker": {"shards": None}}]
)
def test_null_is_refused_where_something_must_be(data):
    with pytest.raises(ValidationError):
        Values.model_validate(data)


def test_the_address_in_the_place_of_an_edges_own_is_no_fault_of_its_settings():
    """`edge join` checks the settings before it knows the address."""
    assert reachable(NOT_KNOWN_YET) == NOT_KNOWN_YET
    EdgeValues.model_validate({"config": {"external_hostip": NOT_KNOWN_YET}})
