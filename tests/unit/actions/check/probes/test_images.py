"""The check that the nodes can pull every image, where no registry can be asked from here."""

from pathlib import Path
from types import SimpleNamespace

from fogflow_k8s.actions.check.probes import images
from fogflow_k8s.actions.images.listing import ImageUses
from fogflow_k8s.actions.release.prepare import Prepared
from fogflow_k8s.actions.release.request import Request
from fogflow_k8s.model.image.reference import Use, parse

BUDGET_S = 2


def test_an_image_in_no_registry_is_named_and_fails_no_check(monkeypatch):
    own = Use(parse("localhost/fogflow-k8s/worker:1"), ("cloud-worker",), ({},), ("any",))
    monkeypatch.setattr(images, "wanted_by", lambda *_: ImageUses((own,), ()))
    op = SimpleNamespace(nodes=(), namespace="n")
    prepared = Prepared(Request(Path("chart"), {}), installed=None, values={}, objects=(), hooks=())
    found = images.images_pullable(op, prepared)
    assert found.ok is None
    assert found.detail == "localhost/fogflow-k8s/worker:1 is in no registry: it must be loaded into every node"
