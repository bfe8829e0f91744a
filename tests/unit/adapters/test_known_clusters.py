"""What this machine remembers about clusters."""

import pytest

from fogflow_k8s.adapters import known_clusters


def test_a_cluster_that_is_gone_is_forgotten_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setenv("FOGFLOW_K8S_STATE", str(tmp_path))
    here, there = {"uid": "1", "server": "https://127.0.0.1:1"}, {"uid": "2", "server": "https://127.0.0.1:2"}
    known_clusters.save({"a": here, "b": there})
    known_clusters.forget_server("https://127.0.0.1:1")
    assert known_clusters.load() == {"b": there}


@pytest.mark.parametrize("text", ["{", "[1]", "3", "null", '{"a": 1}', ""])
def test_a_damaged_memory_is_an_empty_one(tmp_path, monkeypatch, text):
    monkeypatch.setenv("FOGFLOW_K8S_STATE", str(tmp_path))
    (tmp_path / "clusters.json").write_text(text)
    assert known_clusters.load() == {}
