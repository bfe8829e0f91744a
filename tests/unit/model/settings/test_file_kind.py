"""Which of the two files settings are from."""

import pytest

from fogflow_k8s.model.settings.file_kind import kind_of

BUDGET_S = 1


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"coreservice_ip": "192.0.2.1", "broker": {}}, "config.json"),
        ({"my_ip": "192.0.2.1"}, "config.json"),
        ({"replicaCount": 2, "worker": {}}, "values.yaml"),
        ({"config": {"site_id": "001"}}, "values.yaml"),
        ({"broker": {}, "worker": {}}, None),
        ({"site_id": "001", "replicaCount": 2}, None),
        ({"unknown": 1}, None),
        ({}, None),
    ],
)
def test_the_keys_that_one_of_them_has_decide(data, kind):
    assert kind_of(data) == kind
