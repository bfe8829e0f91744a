"""The requests of the scenarios: which broker each one goes to, and what its body names."""

from dataclasses import replace

from fogflow_k8s.model.bench.plan import Plan, from_json, to_json
from fogflow_k8s.model.bench.requests import load, preparation, subscribe

BUDGET_S = 5
PLAN = Plan("r1", "update", 50, 10, 4, 0, "http://first", "http://discovery")
SHARDS = ("http://first", "http://second")


def brokers(requests):
    """The hosts of the requests."""
    return [request.url.split("/ngsi")[0] for request in requests]


def test_every_entity_stays_at_its_shard():
    for scenario in ("update", "ngsi-ld"):
        plan = replace(PLAN, scenario=scenario, shards=SHARDS)
        made = brokers(preparation(plan))
        assert made == [*SHARDS, *SHARDS]
        assert brokers(load(plan, number) for number in range(8)) == made * 2


def test_without_shards_there_is_one_broker():
    assert set(brokers(load(PLAN, number) for number in range(8))) == {"http://first"}


def test_the_plan_is_the_same_after_its_json():
    plan = replace(PLAN, shards=SHARDS, tasks_s=7)
    assert from_json(to_json(plan)) == plan


def test_flow_subscribes_to_the_outputs_and_notify_to_the_entities():
    for scenario, kind in (("notify", "FogflowK8sBench-r1-notify"), ("flow", "FogflowK8sBenchOutput-r1")):
        (entity,) = subscribe(replace(PLAN, scenario=scenario), "http://me").body["entities"]
        assert entity == {"type": kind, "isPattern": True}
