"""Values under the names that they had before version 1.0."""

import pytest

from fogflow_k8s.model.settings.former_names import adopt_former_names

BUDGET_S = 1


@pytest.mark.parametrize(
    ("data", "current"),
    [
        ({"worker": {"engine": "fogflow-k8s", "replicas": 2}}, {"worker": {"implementation": "native", "replicas": 2}}),
        ({"worker": {"engine": "upstream"}}, {"worker": {"implementation": "upstream"}}),
        ({"worker": {"ownImage": {"tag": "7"}}}, {"worker": {"nativeImage": {"tag": "7"}}}),
        ({"gate": {"deadlineSeconds": 9}}, {"bootstrap": {"deadlineSeconds": 9}}),
    ],
)
def test_a_former_name_is_read_as_its_successor_and_noted(data, current):
    notes = adopt_former_names(data)
    assert data == current
    assert len(notes) == 1
    assert "is the former name of" in notes[0]


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"worker": "x"},
        {"worker": {"engine": "x", "implementation": "native"}},
        {"worker": {"implementation": "native"}},
    ],
)
def test_everything_else_stays_and_the_model_judges_it(data):
    before = {key: dict(value) if isinstance(value, dict) else value for key, value in data.items()}
    assert adopt_former_names(data) == []
    assert data == before
