"""Nothing is written before it is certain that helm and this program use the same cluster."""

import pytest

from fogflow_k8s.actions.release import rollback, uninstall
from fogflow_k8s.errors import ClusterError, Refused
from tests.unit.actions.world import HOME

BUDGET_S = 6
ROOT = {"kind": "ConfigMap", "metadata": {"name": "kube-root-ca.crt", "namespace": HOME}}
VERBS = {
    "install": lambda world: world.deploy(),
    "upgrade": lambda world: world.deploy({"replicaCount": 2}),
    "rollback": lambda world: rollback.rollback(world.op(), rollback.plan(world.op(), 1), timeout_s=60),
    "uninstall": lambda world: uninstall.uninstall(world.op(), delete_data=False, timeout_s=60),
}


@pytest.fixture(params=VERBS)
def verb(request, world, deployed):
    """A verb that writes, and the world in which it makes sense."""
    if request.param == "rollback":
        deployed.deploy({"replicaCount": 2})
    where = world if request.param == "install" else deployed
    where.forget()
    return where, VERBS[request.param]


@pytest.mark.parametrize("uid", ["uid-of-another", ""])
def test_a_helm_at_another_cluster_is_refused_before_anything_is_written(verb, uid):
    world, run = verb
    world.programs.plan("identity", stderr=uid)
    with pytest.raises(
        Refused, match="helm uses another cluster: namespace kube-system is uid-of-kube-system in context test"
    ) as error:
        run(world)
    assert "nothing was changed" in error.value.hint
    assert (world.cluster.writes, world.programs.verbs()) == ([], [])


@pytest.mark.parametrize("seen", [True, False])
def test_who_may_not_read_kube_system_knows_the_cluster_by_the_namespace(deployed, seen):
    deployed.cluster.uid = ""
    deployed.cluster.put(ROOT)
    if not seen:
        deployed.programs.plan("identity", stderr="another")
        with pytest.raises(Refused, match=r"ConfigMap kube-root-ca\.crt of namespace city"):
            deployed.deploy({"replicaCount": 2})
        assert deployed.cluster.writes == []
    else:
        assert deployed.deploy({"replicaCount": 2}).result == "upgraded"


@pytest.mark.parametrize("how", ["absent", "forbidden"])
def test_who_may_read_nothing_goes_on_and_is_told(deployed, how):
    deployed.cluster.uid = ""
    if how == "forbidden":
        deployed.cluster.refuse("get", "ConfigMap", name="kube-root-ca.crt")
    assert deployed.deploy({"replicaCount": 2}).result == "upgraded"
    assert deployed.reported("not checked whether helm uses the same cluster")


def test_a_server_that_does_not_answer_is_told_as_that(deployed):
    deployed.cluster.uid = ""
    deployed.cluster.refuse("get", "ConfigMap", 0, name="kube-root-ca.crt")
    with pytest.raises(ClusterError):
        deployed.deploy({"replicaCount": 2})
    assert deployed.cluster.writes == []
