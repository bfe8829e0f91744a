"""The keys that external addresses set."""

import pytest

from fogflow_k8s.model.settings.external_address import AddressConflict, set_external_ips

BUDGET_S = 1


def test_the_reverse_proxy_gets_all_addresses_and_fogflow_the_first():
    data = {"config": {"site_id": "001"}}
    paths = set_external_ips(data, ["192.0.2.1", "192.0.2.2", "192.0.2.1"])
    assert data == {
        "config": {"site_id": "001", "coreservice_ip": "192.0.2.1"},
        "expose": {"type": "externalIPs"},
        "externalIPs": ["192.0.2.1", "192.0.2.2"],
    }
    assert {("externalIPs",), ("config", "coreservice_ip"), ("expose", "type")} < set(paths)


def test_fogflows_own_address_stays_if_it_is_among_them_and_is_refused_otherwise():
    data = {"config": {"coreservice_ip": "192.0.2.2"}}
    set_external_ips(data, ["192.0.2.1", "192.0.2.2"])
    assert data["config"]["coreservice_ip"] == "192.0.2.2"
    with pytest.raises(AddressConflict, match=r"192\.0\.2\.9 and coreservice_ip 192\.0\.2\.2 are different"):
        set_external_ips({"config": {"coreservice_ip": "192.0.2.2"}}, ["192.0.2.9"])


def test_a_section_of_the_wrong_type_is_left_to_the_validation():
    data = {"config": "x", "expose": []}
    set_external_ips(data, ["192.0.2.1"])
    assert (data["config"], data["expose"]) == ("x", [])
