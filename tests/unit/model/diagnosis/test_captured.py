"""Pods and events recorded from real kubelets, containerd and schedulers, complete and with any part missing."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogflow_k8s.model.diagnosis.catalogue import ENTRIES
from fogflow_k8s.model.diagnosis.pods import held_back, is_pulling, may_be_lost, pod_causes

CAPTURED = json.loads((Path(__file__).parent / "captured" / "real-nodes.json").read_text())
PODS = [(each, pod) for each in CAPTURED for pod in each["pods"]]


@pytest.mark.parametrize("each", CAPTURED, ids=lambda each: each["fault"])
def test_what_was_captured_is_named(each):
    found = [c.id for pod in each["pods"] for c in pod_causes(pod, each["events"], pod["metadata"]["component"])]
    assert each["id"] in found
    assert set(found) <= {each["id"], "FK-5005", "FK-5006", "FK-5014"}, "the others start, or wait in their gates"


def places(node, path=()):
    """Every path into a tree of plain values."""
    yield path
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def without(tree, path, value):
    """The tree with what is at the path replaced; None as Kubernetes leaves a field out, or nothing at all."""
    *above, last = path
    node = tree
    for key in above:
        node = node[key]
    if value == "gone" and isinstance(node, dict):
        del node[last]
    else:
        node[last] = None


@given(st.data())
def test_nothing_that_may_be_missing_breaks_it(data):
    each, pod = data.draw(st.sampled_from(PODS))
    pod, events = copy.deepcopy(pod), copy.deepcopy(each["events"])
    for _ in range(data.draw(st.integers(1, 6))):
        tree, needed = (pod["status"], ()) if data.draw(st.booleans()) else (events, ())
        left = [p for p in places(tree) if p != needed and not isinstance(p[-1], int)]
        if not left:
            continue
        path = data.draw(st.sampled_from(left))
        without(tree, path, data.draw(st.sampled_from(["gone", None])))
    for nodes in ((), [{"metadata": {"name": pod["spec"].get("nodeName")}, "status": None}]):
        found = pod_causes(pod, events, "master", nodes)
        assert all(c.id in ENTRIES and c.summary for c in found)
    assert is_pulling(pod, events) in {True, False}
    assert may_be_lost(pod) in {True, False}
    assert held_back(pod, "master") is None
