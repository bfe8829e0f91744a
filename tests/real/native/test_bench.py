"""`bench run` on real nodes, with fakes of FogFlow's programs: the generator passes policies and Pod Security, and leaves nothing."""

from tests.real.native.measuring import measured, violations

BUDGET_S = 240


def test_updates_and_notifications_are_measured_and_nothing_is_left(native):
    document = measured(native, "update", "notify", "--duration", "15s", "--rate", "20")
    update, notify = document["runs"]
    assert violations(update) == violations(notify) == []
    assert update["rates"][0]["answeredCount"] == 300
    assert notify["rates"][0]["notifications"]["lostCount"] == 0
    assert notify["rates"][0]["notifications"]["expectedCount"] == 300
    assert document["release"]["workerImplementation"] == "native"
    assert update["resources"]["readFrom"] in {"kubelet", "metrics.k8s.io", "missing"}
    assert not [e for e in native.entities() if "FogflowK8sBench" in e["entityId"]["type"]]
    left = native.box.tool("doctor", "-n", native.namespace, code=None)
    assert "FK-7018" not in left


def test_the_reverse_proxy_is_measured_when_asked(native):
    (run,) = measured(native, "update", "--duration", "10s", "--rate", "10", "--through", "proxy")["runs"]
    assert run["through"] == "proxy"
    assert violations(run) == []
