"""The request bodies for designer and broker."""

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
def test_name_and_tag_joined_with_a_colon_are_the_image(image, parts):
    assert functions.split_image(image) == parts
    assert ":".join(parts) in {image, f"{image}:latest"}


def test_an_operator_has_its_image_for_both_hardware_types_of_fogflow():
    made = functions.operator("f", "r.example/count:1", {"cpu-request": "50m"})
    assert {(i["name"], i["tag"], i["hwType"], i["osType"]) for i in made["dockerimages"]} == {
        ("r.example/count", "1", "X86", "Linux"),
        ("r.example/count", "1", "ARM", "Linux"),
    }
    assert made["parameters"] == [{"name": "cpu-request", "value": "50m", "values": ["50m"]}]


def test_a_function_has_one_task_per_entity_and_stores_what_was_created():
    made = functions.function("f", "Temperature", "Count", {"operator": "f"})
    (task,) = made["topology"]["tasks"]
    (stream,) = task["input_streams"]
    assert (stream["selected_type"], stream["groupby"]) == ("Temperature", "EntityID")
    assert (task["operator"], task["output_streams"]) == ("f", [{"entity_type": "Count"}])
    assert made["intent"]["topology"] == made["topology"]["name"] == "f"
    assert made[functions.CREATED_KEY] == {"operator": "f"}
    assert functions.function("f", "T", "", {})["topology"]["tasks"][0]["output_streams"] == []


@pytest.mark.parametrize("name", ["", "a.b", "1a", "a b", "a" * 41, "ä", "a\n"])
def test_a_name_that_is_not_valid_in_the_id_of_a_task(name):
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
def test_intents_by_topology(listed, expected):
    assert functions.intents_by_topology(listed) == expected
