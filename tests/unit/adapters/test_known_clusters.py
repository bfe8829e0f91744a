"""The file that remembers which cluster a configuration was deployed to."""

import pytest

from fogflow_k8s.adapters import known_clusters


def test_a_deleted_cluster_is_forgotten_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setenv("FOGFLOW_K8S_STATE", str(tmp_path))
    here, there = {"uid": "1", "server": "https://127.0.0.1:1"}, {"uid": "2", "server": "https://127.0.0.1:2"}
    known_clusters.save_known({"a": here, "b": there})
    known_clusters.forget_server("https://127.0.0.1:1")
    assert known_clusters.load_known() == {"b": there}


@pytest.mark.parametrize("text", ["{", "[1]", "3", "null", '{"a": 1}', ""])
def test_a_damaged_file_counts_as_empty(tmp_path, monkeypatch, text):
    monkeypatch.setenv("FOGFLOW_K8S_STATE", str(tmp_path))
    (tmp_path / "clusters.json").write_text(text)
    assert known_clusters.load_known() == {}
