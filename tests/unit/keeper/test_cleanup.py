"""The cleanup before an uninstall: it removes what it can, and ends in time whatever the API server does."""

import cleanup
import pytest
from http_json import Refused

BUDGET_S = 5
WORKER = "cloud-worker"


class Cluster:
    """As much of Kube as the hook calls; `slow_s` passes on the clock with every deletion."""

    def __init__(self, tasks=(), refused=(), slow_s=0.0, services=()):
        self.left, self.refused, self.slow_s, self.now = list(tasks), set(refused), slow_s, 1000.0
        self.scaled, self.running = [], []
        self.lone = set(services)

    def scale(self, name, replicas, plural="deployments"):
        if name in self.refused:
            raise Refused(404, f"{name} not found")
        self.scaled.append((plural, name, replicas))

    def pods(self):
        return {name: [] for name in self.running}

    def services(self):
        return frozenset(self.lone)

    def tasks(self):
        return dict.fromkeys(self.left, "")

    def delete_task(self, name, *, more=False):
        del more
        self.now += self.slow_s
        if name in self.refused:
            raise Refused(500, "no")
        self.lone.discard(name)
        if name in self.left:
            self.left.remove(name)


@pytest.fixture
def clean_up(monkeypatch):
    """Let the hook run on a cluster, with the cluster's clock."""

    def run(cluster, **more):
        def sleep(seconds):
            cluster.now += seconds

        monkeypatch.setattr(cleanup.time, "monotonic", lambda: cluster.now)
        monkeypatch.setattr(cleanup.time, "sleep", sleep)
        cleanup.clean_up(cluster, **more)
        return cluster

    return run


def test_everything_stops_and_every_task_goes(clean_up):
    cluster = clean_up(Cluster(["a", "b"]))
    assert (cluster.left, [name for _, name, _ in cluster.scaled]) == ([], ["keeper", WORKER])


def test_a_service_that_a_killed_worker_left_alone_goes_too(clean_up):
    cluster = clean_up(Cluster(["a"], services=["a", "b"]))
    assert (cluster.left, cluster.lone) == ([], set())


@pytest.mark.parametrize("gone", [["keeper"], [WORKER], ["keeper", WORKER]])
def test_a_workload_that_was_deleted_by_hand_keeps_no_task_alive(clean_up, gone, capsys):
    assert clean_up(Cluster(["a"], refused=gone)).left == []
    assert f"{gone[0]} cannot be stopped: 404" in capsys.readouterr().out


def test_one_task_that_cannot_be_removed_does_not_keep_the_others(clean_up, capsys):
    assert clean_up(Cluster(["a", "b", "c"], refused=["b"])).left == ["b"]
    assert "3 tasks remained; 2 of them were deleted" in capsys.readouterr().out


@pytest.mark.parametrize("running", [[], [WORKER]], ids=["no worker", "a worker that does not end"])
def test_it_ends_in_time_however_slow_the_api_server_is(clean_up, capsys, running):
    cluster = Cluster([f"t{n}" for n in range(1000)], slow_s=2.9)
    cluster.running = running
    clean_up(cluster)
    assert 0 < len(cluster.left) < 1000
    assert cluster.now - 1000.0 < cleanup._WHOLE_S + 3.0
    assert "no time is left" in capsys.readouterr().out


def test_an_api_server_that_does_not_answer_is_no_failure(monkeypatch, capsys):
    def away(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(cleanup, "Kube", lambda *_: type("Away", (), {"scale": away})())
    assert cleanup.main(["--release=r", "--namespace=n", "--tasks-namespace=n-tasks"]) == 0
    assert "tasks may be left in namespace n-tasks" in capsys.readouterr().out
