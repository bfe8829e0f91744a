"""The support archive: limits of a collector, a collector that fails, and that a partial file is never left."""

import json
import os
import resource
import tarfile
import threading
import weakref
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from fogflow_k8s.actions.bundle import bundle, collectors
from fogflow_k8s.actions.bundle.bundle import Request
from fogflow_k8s.actions.bundle.collectors import Collector
from fogflow_k8s.actions.observe import track
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.adapters.archive import Archive
from fogflow_k8s.adapters.helm.client import Helm, Target
from fogflow_k8s.adapters.kubernetes.client import NotFound
from fogflow_k8s.adapters.process import Completed
from fogflow_k8s.engine.reporter import Silent
from fogflow_k8s.errors import ClusterError, UsageError
from fogflow_k8s.model.diagnosis.assessment import Assessment, Component
from fogflow_k8s.model.diagnosis.catalogue import cause
from fogflow_k8s.model.diagnosis.readiness import Verdict

WHEN = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
PASSWORD = "hunter22hunter22"
SECRET = {"kind": "Secret", "metadata": {"name": "own"}, "stringData": {"password": PASSWORD}}
DENIED = ClusterError("pods is forbidden", status=403)


class FakeCluster:
    """Answers with what the test put under a kind: objects, pages made on the way, or an error."""

    context, server, uid, version = "fake", "https://fake", "u-1", "v1.37.2"

    def __init__(self, **kinds):
        self.kinds = {"Secret": [SECRET], **kinds}
        self.asked = []
        self.log = lambda **_: "a line\n"

    def pages(self, kind, namespace="", selector="", fields=""):
        del selector, fields
        found = self.kinds.get(kind, []) if namespace != "city-tasks" else []
        if isinstance(found, Exception):
            raise found
        if callable(found):
            yield from found()
        elif found:
            yield [{"kind": kind, **each} for each in found]

    def list(self, *which, **more):
        return [obj for page in self.pages(*which, **more) for obj in page]

    def get(self, kind, name, namespace=""):
        return {"kind": kind, "metadata": {"name": name, "namespace": namespace}}

    def logs(self, namespace, pod, container, **wanted):
        del namespace
        self.asked.append((pod, container, wanted))
        return self.log(**wanted)


class FakeRunner:
    """A helm that has one revision, with a password among its values."""

    def start(self, argv, *, stdin=None):
        del stdin
        said = {
            "history": '[{"revision": 1}]',
            "status": '{"name": "fogflow", "info": {"status": "deployed"}}',
            "version": "v4.3.1",
        }.get(argv[1])
        said = said or (
            json.dumps({"auth": {"password": PASSWORD}})
            if argv[2] == "values"
            else "kind: ConfigMap\nmetadata: {name: x}\n"
        )
        return SimpleNamespace(wait=lambda _: Completed(tuple(argv), 0, said, "", 0.0), kill=lambda: None)

    def run(self, argv, *, stdin=None, timeout_s=60.0):
        del timeout_s
        return self.start(argv, stdin=stdin).wait(0)


def pod(name="one", *, ready=True, restarts=0):
    states = [{"name": "main", "ready": ready, "restartCount": restarts, "state": {"running": {}}}]
    return {"kind": "Pod", "metadata": {"name": name}, "status": {"phase": "Running", "containerStatuses": states}}


def operation(cluster, **more):
    helm = Helm(FakeRunner(), Target("fogflow", "city"), "helm", version="v4.3.1")
    return Operation(helm, cluster, today=lambda: WHEN, **more)


def make(cluster, tmp_path, **more):
    return bundle.make(operation(cluster), Request(tmp_path / "b.tar.gz", WHEN, **{"timeout_s": 30.0, **more}))


def members(made):
    with tarfile.open(made.path) as archive:
        assert {m.name.partition("/")[0] for m in archive} == {"fogflow-20260304T120000Z"}
        assert {(m.mode, m.uid, m.mtime) for m in archive} == {(0o600, 0, int(WHEN.timestamp()))}
        return {m.name.partition("/")[2]: archive.extractfile(m).read() for m in archive}


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def errors(made):
    return {p.name: p.errors for p in made.parts if p.errors}


def test_the_index_says_what_is_there_and_nothing_secret_is(tmp_path):
    cluster = FakeCluster(
        Pod=[pod()], Node=[{"metadata": {"name": "n"}, "status": {"images": [1], "capacity": {"cpu": "4"}}}]
    )
    cluster.log = lambda **_: f"let in by {PASSWORD}\n"
    made = make(cluster, tmp_path)
    found = members(made)
    index = json.loads(found.pop("index.json"))
    page = found.pop("index.md").decode()
    assert {f["file"]: f["bytes"] for f in index["files"]} == {name: len(data) for name, data in found.items()}
    assert all(f["file"] in page for f in index["files"])
    assert not [name for name, data in found.items() if PASSWORD.encode() in data]
    assert found["logs/city/one.main.log"] == b"let in by ********\n"
    assert {f["file"]: f["masked"] for f in index["files"]}["logs/city/one.main.log"] == {"value of a Secret": 1}
    assert json.loads(found["helm/values-1.json"]) == {"auth": {"password": "********"}}
    assert "images" not in json.loads(found["nodes/nodes.json"])[0]["status"]
    assert errors(made) == {}
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert names_in(tmp_path) == ["b.tar.gz"]


def test_the_same_cluster_gives_the_same_files(tmp_path):
    made = [make(FakeCluster(Pod=[pod()]), tmp_path) for _ in range(2)]
    assert [sorted(m.file for p in each.parts for m in p.members) for each in made] == [
        sorted(members(made[0]).keys() - {"index.json", "index.md"})
    ] * 2


@pytest.mark.parametrize(("error", "said"), [(DENIED, "Pod in city: pods is forbidden"), (KeyError("metadata"), "KeyError: 'metadata'"),
                                             (ClusterError("no answer"), "no answer")])  # fmt: skip
def test_a_collector_that_fails_is_a_line_of_the_index(tmp_path, error, said):
    made = make(FakeCluster(Pod=error, Service=[{"metadata": {"name": "nginx"}}]), tmp_path)
    found = members(made)
    assert errors(made)["pods"] == (said,)
    assert said in found["index.md"].decode()
    assert "objects/city/service.json" in found
    assert any(said in warning for warning in made.warnings)


def test_a_kind_that_the_server_does_not_know_is_no_error(tmp_path):
    assert errors(make(FakeCluster(HTTPRoute=NotFound("no such kind", status=404)), tmp_path)) == {}


def test_a_collector_that_hangs_holds_nothing_up(tmp_path):
    end = threading.Event()

    def hang():
        end.wait(60)
        yield [{"metadata": {"name": "too late"}}]

    made = make(FakeCluster(Event=hang, Service=[{"metadata": {"name": "nginx"}}]), tmp_path, timeout_s=1.0)
    assert "no answer within" in errors(made)["events"][0]
    assert made.seconds < 30
    found = members(made)
    end.set()
    for thread in threading.enumerate():
        if thread.name.startswith("bundle-"):
            thread.join(30)
    assert members(made) == found
    assert "objects/city/service.json" in found


def test_secrets_that_cannot_be_read_leave_the_logs_out(tmp_path):
    made = make(FakeCluster(Pod=[pod()], Secret=DENIED), tmp_path)
    assert "--include" in errors(made)["logs"][0]
    assert not [name for name in members(made) if name.startswith("logs/")]
    asked = make(FakeCluster(Pod=[pod()], Secret=DENIED), tmp_path, include=("logs",))
    assert [p.name for p in asked.parts] == ["logs"]
    assert "logs/city/one.main.log" in members(asked)


@pytest.mark.parametrize("kilobytes", [100, 300])
def test_the_archive_keeps_to_its_size(tmp_path, kilobytes):
    cluster = FakeCluster(Pod=[pod(f"p{n}") for n in range(20)])
    cluster.log = lambda **_: os.urandom(20_000).hex() + "\n"
    made = make(cluster, tmp_path, max_bytes=kilobytes * 1000)
    assert made.path.stat().st_size == made.size <= kilobytes * 1000
    assert "full" in errors(made)["logs"][0]
    assert "index.json" in members(made)


def test_what_follows_a_collectors_share_is_left_out(tmp_path):
    greedy = Collector(
        "greedy", lambda output: [output.put(f"{n}", os.urandom(50_000).hex()) for n in range(9)], share=0.1
    )
    made = make(FakeCluster(), tmp_path, include=("greedy",), extra=(greedy,), max_bytes=1_000_000)
    assert len(made.parts[0].members) == 2
    assert "share" in errors(made)["greedy"][0]


def test_ten_thousand_pods_are_never_all_in_memory(tmp_path):
    class Pod(dict):
        """A dict that can be counted."""

    alive, most = weakref.WeakSet(), []
    Pod.__hash__ = object.__hash__

    def pages():
        for number in range(20):
            page = [Pod(pod(f"p{number}-{n}")) for n in range(500)]
            for each in page:
                alive.add(each)
            most.append(len(alive))
            yield page
            del page, each

    made = make(FakeCluster(Pod=pages), tmp_path, include=("pods",))
    assert [m.file for m in made.parts[0].members][:2] == ["objects/city/pod.json", "objects/city/pod-002.json"]
    assert len(made.parts[0].members) == 20
    assert max(most) <= 2000


def test_the_pods_in_trouble_come_first(tmp_path):
    cluster = FakeCluster(Pod=[pod("calm"), pod("was", restarts=2), pod("is", ready=False)])
    make(cluster, tmp_path, include=("logs",), since_s=600)
    assert [(name, wanted["previous"], wanted["since_s"]) for name, _, wanted in cluster.asked] == [
        ("is", False, 600), ("was", False, 600), ("was", True, 600), ("calm", False, 600),
    ]  # fmt: skip


def test_a_long_log_keeps_its_end_and_no_half_line(tmp_path):
    """The server's limit cuts the end off; half a line may hold half a secret."""
    line = "x" * (2 * collectors.LOG_BYTES // collectors.LOG_LINES) + "\n"
    cluster = FakeCluster(Pod=[pod()])
    cluster.log = lambda *, lines, limit, **_: (line * (lines - 1) + PASSWORD[:8] * limit)[:limit]
    made = make(cluster, tmp_path, include=("logs",))
    (member,) = made.parts[0].members
    first, second = (wanted["lines"] for _, _, wanted in cluster.asked)
    assert first == collectors.LOG_LINES > second
    assert str(second) in member.truncated
    assert set(members(made)[member.file].decode()) == set("x\n")


@pytest.mark.parametrize("flag", ["include", "exclude"])
def test_an_unknown_collector_is_refused_and_leaves_nothing(tmp_path, flag):
    with pytest.raises(UsageError, match="there is no collector") as refused:
        make(FakeCluster(), tmp_path, **{flag: ("pod",)})
    assert "pods" in refused.value.hint
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_ends_halfway_leaves_nothing(tmp_path, error):
    archive = Archive(tmp_path / "b.tar.gz", "b", limit=10**6, mtime=WHEN)
    archive.add("one", b"1")
    assert len(names_in(tmp_path)) == 1
    assert not archive.path.exists()
    archive.__exit__(error, error(), None)
    assert names_in(tmp_path) == []


@pytest.fixture
def small_disk():
    """No file may grow above 20 kB, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_nothing_and_stops_no_rollback(tmp_path, small_disk):
    del small_disk
    warned = []
    report = Silent()
    report.warn = warned.append
    cluster = FakeCluster(Pod=[pod()])
    cluster.log = lambda **_: os.urandom(40_000).hex() + "\n"
    with pytest.raises(OSError, match="too large"):
        make(cluster, tmp_path)
    op = operation(cluster, bundles=tmp_path / "kept", report=report)
    assert bundle.save(op, Assessment(()), why="deploy failed") is None
    assert "could not be saved" in warned[0]
    assert names_in(tmp_path) == ["kept"]
    assert names_in(tmp_path / "kept") == []


def test_a_failure_is_saved_and_found_again(tmp_path):
    op = operation(FakeCluster(Pod=[pod()]), bundles=tmp_path / "kept")
    path = bundle.save(op, Assessment(()), why="deploy failed")
    assert path == tmp_path / "kept" / "fogflow-20260304T120000Z.tar.gz"
    made = make(FakeCluster(), tmp_path, extra=(collectors.last_failure(op, tmp_path / "kept"),))
    assert {"last-failure/assessment.json", "last-failure/objects/city/pod.json"} <= members(made).keys()
    assert "helm/history.json" in members(SimpleNamespace(path=path))
    assert bundle.save(op, Assessment(()), why="deploy failed", going_back=True) == path
    assert not [name for name in members(SimpleNamespace(path=path)) if name.startswith("helm/")]
    other = operation(FakeCluster(), bundles=None)
    assert bundle.save(other, Assessment(()), why="x") is None


def test_what_a_screen_repeats_of_others_is_masked():
    """Events and kubelets repeat what they were given: a cause is shown without it, and kept as it is otherwise."""
    blamed = cause(
        "FK-5010", "master", "pod/one", f"refused {PASSWORD}", evidence=(f"mount with {PASSWORD}", "password=other")
    )
    row = Component("master", "Deployment", Verdict("waiting", f"said {PASSWORD}", 1))
    shown = track._masked(operation(FakeCluster()), Assessment((row,), (blamed,)))
    assert shown.causes[0].summary == "refused ********"
    assert shown.causes[0].evidence == ("mount with ********", "password=********")
    assert shown.components[0].verdict.reason == "said ********"
    calm = Assessment((row,))
    assert track._masked(operation(FakeCluster(Secret=DENIED)), calm) is calm
