"""What a designer's replay makes the master subscribe to, calculated from its database."""

import pytest
from expected import subscriptions, topologies

BUDGET_S = 5


def task(operator="op", inputs=1):
    return {"name": "t", "operator": operator, "input_streams": [{"selected_type": f"T{n}"} for n in range(inputs)]}


def topology(*tasks):
    return {"name": "x", "tasks": list(tasks)}


def function(*tasks, **more):
    return {"name": "f", "topology": topology(*tasks), "intent": {"topology": "f"}, "status": "enabled", **more}


@pytest.mark.parametrize(
    ("database", "count"),
    [
        ({}, 0),
        ({"fogfunctions": {"f": function(task())}}, 1),
        ({"fogfunctions": {"f": function(task(), task(inputs=2))}}, 3),
        ({"fogfunctions": {"f": function(task(), status="disabled")}}, 0),
        ({"fogfunctions": {"f": {"name": "f", "image": "a:1"}}}, 1),
        ({"serviceintents": {"i": {"topology": "x"}}, "topologies": {"x": topology(task(), task())}}, 2),
        ({"serviceintents": {"i": {"topology": "x"}, "j": {"topology": "x"}}, "topologies": {"x": topology(task())}}, 2),
        ({"serviceintents": {"i": {"topology": "x"}}, "topologies": {}}, 0),
        ({"serviceintents": {"i": {}, "j": "text", "k": None}, "fogfunctions": [1]}, 0),
        ({"operators": {"op": {"name": "op", "parameters": [{"name": "n", "value": 7}]}},
          "fogfunctions": {"f": function(task())}}, 0),
        ({"operators": {"op": {"name": "op", "parameters": [{"name": "n", "value": "7"}]}},
          "fogfunctions": {"f": function(task())}}, 1),
        ({"topologies": {"x": topology(task())}, "operators": {"op": {}}}, 0),
    ],
)  # fmt: skip
def test_subscriptions_are_counted_as_the_master_makes_them(database, count):
    assert subscriptions(database) == count


def test_topologies_of_intents_and_of_enabled_functions_are_requested():
    database = {
        "serviceintents": {"i": {"topology": "x"}},
        "fogfunctions": {"f": function(), "g": function(status="disabled", intent={"topology": "g"}), "h": {}},
    }
    assert topologies(database) == {"x", "f", "h"}
