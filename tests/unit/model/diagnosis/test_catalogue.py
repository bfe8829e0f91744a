"""The catalogue: every entry has an explanation and an id of its own, and every id has a test that provokes it."""

from pathlib import Path

from fogflow_k8s.model.diagnosis.catalogue import CLASSES, ENTRIES, cause, paragraphs

BUDGET_S = 5


def test_every_entry_is_explained_in_whole_sentences():
    explanations = [entry.explanation for entry in ENTRIES.values()]
    assert all((text[0].isupper() or text[0] == "`") and text.endswith(".") and len(text) > 20 for text in explanations)
    assert {entry.kind for entry in ENTRIES.values()} == set(CLASSES)


def test_every_id_is_used_once_and_the_entries_are_in_the_order_of_their_ids():
    source = Path(__file__).parents[4] / "src/fogflow_k8s/model/diagnosis/catalogue"
    ids = [
        line.strip(' ",\n')
        for path in source.glob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith('        "FK-')
    ]
    assert sorted(ids) == list(ENTRIES)


def test_every_id_has_a_test_that_provokes_it():
    tests = Path(__file__).parents[3]
    texts = "".join(p.read_text(encoding="utf-8") for p in tests.rglob("*.py") if p != Path(__file__))
    assert [id_ for id_ in ENTRIES if f'"{id_}"' not in texts] == []


def test_the_paragraphs_are_title_explanation_and_class():
    title, explanation, kind = paragraphs("FK-4001")
    assert title == "The image does not exist."
    assert "registry" in explanation
    assert kind.startswith("Class permanent: waiting does not help")


def test_advice_names_what_is_known_and_leaves_the_rest_as_placeholders():
    advice = cause("FK-5003", "master", "pod/master-1", "", namespace="city", container="master").advice
    assert advice == ("kubectl -n city logs POD -c master", "kubectl -n city describe pod POD")
