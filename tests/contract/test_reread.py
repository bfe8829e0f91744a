"""Whether what was read before the Lease still holds, by the labels of Helm's own Secrets."""

import json

import pytest

from fogflow_k8s.actions.observe.status import Installed, after_upgrade, reread
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.adapters.helm.client import Helm, Target
from fogflow_k8s.adapters.process import SystemRunner
from fogflow_k8s.model.release.history import Revision

KNOWN = Installed((Revision(1, "superseded"), Revision(2, "deployed")), ())
ANEW = json.dumps([{"revision": 3, "status": "deployed"}])


@pytest.fixture
def op(cluster, helm_script, monkeypatch):
    monkeypatch.delenv("HELM_DRIVER", raising=False)
    script = helm_script(f"[ \"$1\" = history ] && echo '{ANEW}' || true")
    return Operation(Helm(SystemRunner(), Target("fogflow", "city"), str(script), version="v4.3.1"), cluster)


def labelled(*revisions):
    """The answer that lists Helm's Secrets."""
    items = [{"metadata": {"labels": {"version": str(n), "status": s}}} for n, s in revisions]
    return (200, {"kind": "PartialObjectMetadataList", "items": items})


def test_the_same_revisions_are_not_read_again(op, stub):
    stub.script = [labelled((2, "deployed"), (1, "superseded"))]
    assert reread(op, KNOWN) is KNOWN
    (asked,) = stub.asked
    assert "PartialObjectMetadataList" in asked.headers["Accept"]
    assert "owner%3Dhelm%2Cname%3Dfogflow" in asked.path


@pytest.mark.parametrize(
    "answer",
    [
        labelled((2, "deployed"), (1, "superseded"), (3, "deployed")),
        labelled((2, "pending-upgrade"), (1, "superseded")),
        labelled(),
        (403, {"message": "secrets is forbidden"}),
        (200, {"items": [{"metadata": {"labels": {}}}]}),
    ],
)
def test_anything_else_is_read_anew(op, stub, answer):
    stub.script = [answer]
    assert [r.number for r in reread(op, KNOWN).history] == [3]


def test_another_driver_keeps_no_secrets(op, stub, monkeypatch):
    monkeypatch.setenv("HELM_DRIVER", "configmap")
    assert [r.number for r in reread(op, None).history] == [3]
    assert all("secrets" not in asked.path for asked in stub.asked)


def test_nothing_installed_and_still_nothing(op, stub):
    stub.script = [labelled()]
    assert reread(op, None) is None


def test_the_revision_made_is_what_helm_printed(op):
    printed = {
        "version": 7,
        "info": {"status": "deployed", "last_deployed": "2026-01-01T00:00:00Z", "description": "d"},
        "chart": {"metadata": {"name": "fogflow-chart", "version": "1.0.0", "appVersion": "3.2.8"}},
    }
    found = after_upgrade(op, KNOWN, json.dumps(printed), [{"kind": "Service"}])
    assert (found.newest.number, found.newest.chart, found.objects) == (
        7,
        "fogflow-chart-1.0.0",
        ({"kind": "Service"},),
    )
    assert [r.number for r in after_upgrade(op, KNOWN, "not json", []).history] == [3]
