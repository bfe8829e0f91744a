"""The check of the cluster's DNS finds it where distributions run it."""

import pytest

from fogflow_k8s.actions.check.probes.network import names_resolve

BUDGET_S = 3
KUBE = ("kube-system", {"k8s-app": "kube-dns"})
OPENSHIFT = ("openshift-dns", {"dns.operator.openshift.io/owning-dns": "default"})


def served(world, namespace, labels, ready=True):
    meta = {"name": "dns-x", "namespace": namespace, "labels": labels}
    world.cluster.put({"kind": "EndpointSlice", "metadata": meta, "endpoints": [{"conditions": {"ready": ready}}]})


@pytest.mark.parametrize("where", [KUBE, OPENSHIFT])
def test_ready_endpoints_are_found_in_either_place(world, where):
    served(world, *where)
    assert names_resolve(world.op()).ok
    served(world, *where, ready=False)
    found = names_resolve(world.op())
    assert (found.ok, "no ready endpoint" in found.detail) == (False, True)


def test_a_google_cluster_without_kube_dns_is_not_called_broken(world):
    assert names_resolve(world.op()).ok is False
    node = {"kind": "Node", "metadata": {"name": "g", "labels": {"cloud.google.com/gke-nodepool": "a"}}}
    world.cluster.put(node)
    found = names_resolve(world.op())
    assert (found.ok, "Cloud DNS" in found.detail) == (None, True)
    served(world, *KUBE, ready=False)
    assert names_resolve(world.op()).ok is False, "its kube-dns is there, and down"
