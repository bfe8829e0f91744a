"""The bodies that designer and broker take."""

import pytest

from fogflow_k8s.model.task import functions


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("count", ("count", "latest")),
        ("fogflow/count:1", ("fogflow/count", "1")),
        ("r.example:5000/a/count", ("r.example:5000/a/count", "latest")),
        ("r.example:5000/a/count:2", ("r.example:5000/a/count", "2")),
        ("r.example/count@sha256:ab", ("r.example/count@sha256", "ab")),
        ("r.example/count:1@sha256:ab", ("r.example/count", "1@sha256:ab")),
    ],
)
def test_an_image_comes_together_again_with_a_colon(image, parts):
    assert functions.split(image) == parts
    assert ":".join(parts) in {image, f"{image}:latest"}


def test_an_operator_has_its_image_for_both_processors_that_fogflow_knows():
    made = functions.operator("f", "r.example/count:1", {"cpu-request": "50m"})
    assert {(i["name"], i["tag"], i["hwType"], i["osType"]) for i in made["dockerimages"]} == {
        ("r.example/count", "1", "X86", "Linux"),
        ("r.example/count", "1", "ARM", "Linux"),
    }
    assert made["parameters"] == [{"name": "cpu-request", "value": "50m", "values": ["50m"]}]


def test_a_function_is_one_task_per_entity_and_bears_our_mark():
    made = functions.function("f", "Temperature", "Count", {"operator": "f"})
    (task,) = made["topology"]["tasks"]
    (stream,) = task["input_streams"]
    assert (stream["selected_type"], stream["groupby"]) == ("Temperature", "EntityID")
    assert (task["operator"], task["output_streams"]) == ("f", [{"entity_type": "Count"}])
    assert made["intent"]["topology"] == made["topology"]["name"] == "f"
    assert made[functions.MARK] == {"operator": "f"}
    assert functions.function("f", "T", "", {})["topology"]["tasks"][0]["output_streams"] == []


@pytest.mark.parametrize("name", ["", "a.b", "1a", "a b", "a" * 41, "ä", "a\n"])
def test_a_name_that_would_spoil_the_ids_of_tasks(name):
    with pytest.raises(ValueError, match="not a function's name"):
        functions.checked_name(name)
    assert functions.checked_name("Run-1") == "Run-1"


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ({}, {}),
        ({"i": {"id": "i", "topology": "t"}}, {"t": "i"}),
        ([{"id": "i", "topology": "t"}, "x"], {"t": "i"}),
        (None, {}),
    ],
)
def test_the_topologies_that_are_asked_for(listed, expected):
    assert functions.topologies_of(listed) == expected
