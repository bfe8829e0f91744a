"""A broker that holds thousands of entities is lost: everything is put back, and what the keeper needs for it."""

import time

import pytest

from tests.real import deployed
from tests.real.conftest import released, until
from tests.real.figures import record_in_all
from tests.real.shared.test_keeper import cpu_of
from tests.scope import only_all

pytestmark = [only_all, pytest.mark.timeout(1800)]
BUDGET_S = 300
ENTITIES, SUBSCRIPTIONS = 2000, 500
WITH = f"with {ENTITIES} entities and {SUBSCRIPTIONS} subscriptions"


def fill(fogflow):
    """One element per request: after a batch upstream's broker ends when an id of it has a subscriber."""
    for n in range(ENTITIES):
        element = {"entityId": {"id": f"Meter.{n}", "type": "Meter"}, "attributes": [{"name": "v", "type": "integer", "value": n}]}  # fmt: skip
        _post(fogflow, "updateContext", {"contextElements": [element], "updateAction": "UPDATE"})
    for n in range(SUBSCRIPTIONS):
        _post(fogflow, "subscribeContext", {"entities": [{"id": f"Meter.{n}", "type": "Meter"}], "reference": fogflow.subscriber.url})  # fmt: skip


def _post(fogflow, what, body):
    deployed.call("POST", fogflow.url("cloud-broker", 8070, f"/ngsi10/{what}"), body, timeout=30)


def held(fogflow):
    """What the broker holds of what was filled in; None while it does not answer."""
    try:
        values = {one["entityId"]["id"]: one["attributes"][0]["value"] for one in fogflow.entities()}
        listed = deployed.call("GET", fogflow.url("cloud-broker", 8070, "/ngsi10/subscription"), timeout=30).values()
    except (OSError, ValueError):
        return None
    meters = {name: value for name, value in values.items() if name.startswith("Meter.")}
    return meters, sorted(s["entities"][0]["id"] for s in listed if s["entities"][0]["id"].startswith("Meter."))


def test_a_broker_with_many_entities_gets_them_back(box):
    with released(box, "many", "--set", "tolerationSeconds=5") as fogflow:
        fill(fogflow)
        before = held(fogflow)
        assert (len(before[0]), len(before[1])) == (ENTITIES, SUBSCRIPTIONS)
        time.sleep(10)  # the keeper observes every 2 s
        record_in_all("keeper", f"CPU {WITH}, thousandths of a core", cpu_of(fogflow))
        record_in_all("keeper", f"memory {WITH}, MiB", deployed.memory_mib(fogflow.pods("keeper")))
        start = time.monotonic()
        fogflow.box.kubectl("-n", fogflow.namespace, "delete", "pod", fogflow.pods("cloud-broker")[0]["metadata"]["name"], "--wait=false")  # fmt: skip
        until(lambda: (held(fogflow) or ({}, []))[0] != before[0], "it is lost")
        until(lambda: held(fogflow) == before, "everything is back", seconds=600)
        record_in_all("keeper", f"a lost broker {WITH} has them again after, s", time.monotonic() - start)
        fogflow.recover()
        (broker,) = fogflow.pods("cloud-broker")
        assert [c["restartCount"] for c in broker["status"]["containerStatuses"]] == [0], (
            "what is put back ends no broker"
        )
