"""`bench run` on real nodes, with fakes of FogFlow's programs: the generator passes policies and Pod Security, and leaves nothing."""

from tests.documents import parse

BUDGET_S = 240


def measured(it, *words, code=0):
    """The document of a run."""
    return parse(it.box.tool("bench", "run", *words, "--yes", "-o", "json", "-n", it.namespace, code=code))


def test_updates_and_notifications_are_measured_and_nothing_is_left(native):
    document = measured(native, "update", "notify", "--duration", "15s", "--rate", "20")
    assert document["ok"], document
    update, notify = document["runs"]
    assert update["rates"][0]["answeredCount"] == 300
    assert notify["rates"][0]["notifications"]["lostCount"] == 0
    assert notify["rates"][0]["notifications"]["expectedCount"] == 300
    assert document["release"]["workerImplementation"] == "native"
    assert update["resources"]["readFrom"] in {"kubelet", "metrics.k8s.io", "missing"}
    assert not [e for e in native.entities() if "FogflowK8sBench" in e["entityId"]["type"]]
    left = native.box.tool("doctor", "-n", native.namespace, code=None)
    assert "FK-7018" not in left


def test_the_reverse_proxy_is_measured_when_asked(native):
    document = measured(native, "update", "--duration", "10s", "--rate", "10", "--through", "proxy")
    assert document["runs"][0]["through"] == "proxy"
    assert document["runs"][0]["violations"] == []
