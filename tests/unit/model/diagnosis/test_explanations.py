"""Every id has an explanation, and every explanation an id."""

from pathlib import Path

from fogflow_k8s.model.diagnosis.catalogue import ENTRIES
from fogflow_k8s.model.diagnosis.explanations import CLASSES, WHY, pages


def test_every_id_is_explained_in_whole_sentences():
    assert set(WHY) == set(ENTRIES)
    assert all((text[0].isupper() or text[0] == "`") and text.endswith(".") and len(text) > 20 for text in WHY.values())
    assert {entry.kind for entry in ENTRIES.values()} == set(CLASSES)


def test_every_id_has_a_test_that_provokes_it():
    tests = Path(__file__).parents[3]
    said = "".join(p.read_text(encoding="utf-8") for p in tests.rglob("*.py") if p != Path(__file__))
    assert [id_ for id_ in ENTRIES if f'"{id_}"' not in said] == []


def test_a_page_has_title_background_and_class():
    title, why, kind = pages("FK-4001")
    assert title == "The image does not exist."
    assert "registry" in why
    assert kind.startswith("Class permanent: waiting does not help")
