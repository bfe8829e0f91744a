"""What the keeper and the cleanup hook ask of the API server, and that the chart allows exactly that."""

import json
import re
import time
from pathlib import Path

import cleanup
import kube as kube_module
import pytest
import yaml
from http_json import Server
from kube import Kube, Task, api_server

from fogflow_k8s.model.task.record import DESIRED, TASK
from tests.unit.keeper.stub import stub

TEMPLATES = Path(__file__).resolve().parents[3] / "charts/fogflow-chart/templates"
VERBS = {"PATCH": "patch", "DELETE": "delete", "POST": "create"}
DEPLOYMENTS, PODS = "/apis/apps/v1/namespaces/{}/deployments", "/api/v1/namespaces/ns/pods"


@pytest.fixture(autouse=True)
def no_connection_left(monkeypatch):
    """A program keeps its connections; a test gives them up."""
    made, connect = [], Server._connect

    def noted(self):
        made.append(connect(self))
        return made[-1]

    monkeypatch.setattr(Server, "_connect", noted)
    yield
    for each in made:
        each.close()


@pytest.fixture
def account(tmp_path, monkeypatch):
    (tmp_path / "token").write_text("first")
    monkeypatch.setattr(kube_module, "_ACCOUNT", tmp_path)
    return tmp_path


class Anything(dict):
    """Answers everything, with an empty list or object."""

    def get(self, key, _=None):
        return super().get(key, super().get(key.split("?")[0], {"items": []}))


@pytest.fixture
def api(account):  # noqa: ARG001 - its token is read with every call
    with stub() as it:
        it.answers = Anything()
        yield it


@pytest.fixture
def kube(api):
    it = object.__new__(Kube)  # its constructor wants a cluster's certificates
    it._server = Server(api.url)
    it.namespace, it.tasks_namespace, it.release = "ns", "ns-tasks", "fogflow"
    return it


def asked(api):
    """(namespace, group, resource, name when it can be limited by it, verb) of every request."""
    found = set()
    for key, _, _ in api.asked:
        method, path = key.split("?")[0].split(" ")
        match = re.fullmatch(r"/(?:api|apis/([\w.]+))/v1/namespaces/([^/]+)/(\w+)(?:/([^/]+))?", path)
        group, namespace, resource, name = match.groups(default="")
        verb = VERBS.get(method) or ("get" if name else "list")
        found.add((namespace, group, resource, name, verb))
    return found


def allowed(text, namespace):
    """The rules of a Role's template, whose only variables are names."""
    plain = re.sub(r"\{\{ \.Release\.Name \}\}", "fogflow", text)
    plain = re.sub(r'\{\{ include "fogflow.workload" \(dict "root" \$ "name" "([\w-]+)"\) \}\}', r"\1", plain)
    plain = "\n".join(line for line in plain.splitlines() if "{{" not in line and "}}" not in line)
    rules = yaml.safe_load(plain)
    return {
        (namespace, group, resource, name, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", ["*"])
        for verb in rule["verbs"]
    }


def rules(path, number):
    """The text below the n-th `rules:` of a template."""
    text = (TEMPLATES / path).read_text().split("\nrules:\n")[number]
    return re.split(r"\n---|\n\{\{- end", text)[0]


def task_rules(name="keeper.taskRules"):
    text = (TEMPLATES / "keeper/_keeper.tpl").read_text()
    return text.split(f'"fogflow.{name}" -}}}}\n')[1].split("{{- end }}")[0]


def generalized(calls, named):
    """Names count only where a rule can be limited by them."""
    return {(n, g, r, name if r in named else "*", verb) for n, g, r, name, verb in calls}


def test_the_keepers_roles_allow_what_its_code_calls_and_nothing_else(kube, api):
    """Every method of Kube that the keeper uses; a new one must be added here, and then to the Role."""
    unused = {"scale", "ask_to_remove"}  # of the cleanup hook, and where a worker keeps its tasks
    arguments = {
        "delete_pod": ("p", 1), "delete_task": ("fogflow-task-1",), "write_report": ({},), "store_memory": ({},),
        "publish_event": ("c", "p", "r", "m"),
    }  # fmt: skip
    public = {name for name in vars(Kube) if not name.startswith("_")} - unused
    for name in public:
        getattr(kube, name)(*arguments.get(name, ()))
    text = rules("keeper/role.yaml", 1)
    granted = allowed(text, "ns") | allowed(task_rules(), "ns-tasks")
    assert generalized(asked(api), {"configmaps", "secrets"}) == granted


def test_where_tasks_outlive_their_worker_the_keeper_may_only_count_them_and_ask_for_their_end(kube, api):
    kube.tasks()
    kube.ask_to_remove("fogflow-task-1")
    assert generalized(asked(api), set()) == allowed(task_rules("keeper.keptTaskRules"), "ns-tasks")


def test_there_the_cleanup_may_remove_all_that_belongs_to_a_task_and_does(kube, api):
    api.answers[f"GET {DEPLOYMENTS.format('ns-tasks')}"] = {"items": [{"metadata": {"name": "fogflow-task-1"}}]}
    cleanup.clean_up(kube, 0.0, kept=True)
    in_tasks = {each for each in asked(api) if each[0] == "ns-tasks"}
    assert generalized(in_tasks, set()) == allowed(task_rules("cleanup.keptTaskRules"), "ns-tasks")
    assert [key.split("/")[-2:] for key in api.calls if key.startswith("DELETE")] == [
        [kind, "fogflow-task-1"] for kind in ("deployments", "services", "configmaps")
    ]


def test_the_cleanups_roles_allow_what_it_calls_and_nothing_else(kube, api):
    api.answers[f"GET {DEPLOYMENTS.format('ns-tasks')}"] = {"items": [{"metadata": {"name": "fogflow-task-1"}}]}
    cleanup.clean_up(kube, 0.0)
    granted = allowed(rules("cleanup/rights.yaml", 1), "ns") | allowed(task_rules(), "ns-tasks")
    assert generalized(asked(api) - {("ns", "apps", "deployments", "*", "patch")}, {"deployments"}) == {
        (n, g, r, name if (n, r) != ("ns-tasks", "deployments") else each, verb)
        for n, g, r, name, verb in granted
        for each in (("fogflow-task-1",) if verb == "delete" else ("",) if verb == "list" else (name,))
    }


def test_the_cleanup_may_scale_the_set_that_several_workers_are(kube, api):
    cleanup.clean_up(kube, 0.0, worker="statefulsets")
    more = (
        (TEMPLATES / "keeper/_keeper.tpl")
        .read_text()
        .split('"fogflow.keeper.setRules" -}}\n')[1]
        .split("{{- end }}")[0]
    )
    scaled = {each for each in asked(api) if each[2] == "statefulsets"}
    assert scaled == allowed(more, "ns")
    assert "cloud-worker" not in {name for _, _, resource, name, _ in asked(api) if resource == "deployments"}


# -- calls -------------------------------------------------------------------------------------------------------------


def test_the_token_is_read_again_for_each_call(kube, api, account):
    kube.tasks()
    (account / "token").write_text("second")
    kube.tasks()
    assert [headers["Authorization"] for _, _, headers in api.asked] == ["Bearer first", "Bearer second"]


def test_pods_by_component_oldest_first_without_those_that_are_over(kube, api):
    def pod(uid, second, *, restarts=0, state="running", phase="Running", **metadata):
        return {
            "metadata": {"name": f"n{uid}", "uid": uid, "creationTimestamp": f"2026-11-24T10:00:0{second}Z",
                         "labels": {"app.kubernetes.io/name": "master"}, **metadata},
            "status": {"phase": phase, "containerStatuses": [{"restartCount": restarts, "state": {state: {}}}],
                       "conditions": [{"type": "Ready", "status": "True"}]},
        }  # fmt: skip

    items = [
        pod("b", 2, restarts=2, state="waiting"),
        pod("a", 1, deletionTimestamp="now"),
        pod("c", 3, phase="Failed"),
    ]
    api.answers[f"GET {PODS}"] = {"items": items}
    first, second = kube.pods()["master"]
    assert (first.identity, first.deleting, first.started, first.ready) == ("a/0", True, True, True)
    assert (second.identity, second.deleting, second.started) == ("b/2", False, False)


def numbered(index, name="cloud-broker"):
    labels = {"app.kubernetes.io/name": name, "apps.kubernetes.io/pod-index": str(index)}
    meta = {"name": f"{name}-{index}", "uid": f"u{index}", "creationTimestamp": "", "labels": labels}
    return {"metadata": meta, "status": {}}


def test_each_pod_of_a_set_is_a_member_of_its_own_and_only_the_one_seen_is_deleted(kube, api):
    api.answers[f"GET {PODS}"] = {"items": [numbered(0), numbered(1)]}
    assert kube.pods().keys() == {"cloud-broker", "cloud-broker-1"}
    kube.delete_pod("cloud-broker-1", 0)
    sent = api.asked[-1][1]
    assert (sent["gracePeriodSeconds"], sent["preconditions"]) == (0, {"uid": "u1"})
    api.answers[f"DELETE {PODS}/cloud-broker-1"] = (409, None)
    kube.delete_pod("cloud-broker-1", 0)
    kube.publish_event("cloud-broker-1", "", "RestoringState", "m")
    assert api.asked[-1][1]["involvedObject"] == {
        "kind": "StatefulSet", "apiVersion": "apps/v1", "name": "cloud-broker", "namespace": "ns"
    }  # fmt: skip


def test_only_upstreams_tasks_are_tasks(kube, api):
    names = [
        {"name": "fogflow-task-2"},
        {"name": "somebody-else"},
        {"name": "fogflow-task-1", "deletionTimestamp": "now"},
    ]
    api.answers[f"GET {DEPLOYMENTS.format('ns-tasks')}"] = {"items": [{"metadata": each} for each in names]}
    assert kube.tasks() == {"fogflow-task-2": Task()}


@pytest.mark.parametrize(
    ("note", "topology"), [('{"TopologyName": "f1"}', "f1"), ("{}", ""), ("no json", ""), ("[1]", "")]
)  # fmt: skip
def test_a_tasks_topology_is_read_where_its_worker_noted_it(kube, api, note, topology):
    metadata = {"name": "fogflow-task-a", "annotations": {TASK: note}}
    api.answers[f"GET {DEPLOYMENTS.format('ns-tasks')}"] = {"items": [{"metadata": metadata}]}
    assert kube.tasks() == {"fogflow-task-a": Task(topology)}


@pytest.mark.parametrize(
    ("variables", "id_"),
    [
        ([{"name": "myport", "value": "1"}, {"name": "adminCfg", "value": '[{"command": "SET_CORRELATORID", "correlatorID": "Task.f.1"}]'}], "Task.f.1"),
        ([{"name": "adminCfg", "value": "[]"}], ""),
        ([{"name": "adminCfg", "value": "no json"}], ""),
        ([{"name": "adminCfg"}], ""),
        (None, ""),
    ],
)  # fmt: skip
def test_the_id_of_a_task_is_read_where_the_worker_tells_it_its_program(kube, api, variables, id_):
    pod = {"containers": [{"env": variables}]}
    deployment = {"metadata": {"name": "fogflow-task-1"}, "spec": {"template": {"spec": pod}}}
    api.answers[f"GET {DEPLOYMENTS.format('ns-tasks')}"] = {"items": [deployment]}
    assert kube.tasks() == {"fogflow-task-1": Task("", id_)}


def test_a_task_is_asked_to_go_by_the_note_that_its_worker_reads(kube, api):
    kube.ask_to_remove("fogflow-task-a")
    key, body, _ = api.asked[-1]
    assert key == f"PATCH {DEPLOYMENTS.format('ns-tasks')}/fogflow-task-a"
    assert body == {"metadata": {"annotations": {DESIRED: "removed"}}}


def test_deleting_what_does_not_exist_is_no_error_but_a_refusal_is(kube, api):
    api.answers[f"DELETE {PODS}/p"] = (404, None)
    kube.delete_pod("p", None)
    api.answers[f"DELETE {PODS}/p"] = (403, None)
    with pytest.raises(OSError, match="403"):
        kube.delete_pod("p", 1)
    assert api.asked[-1][1]["gracePeriodSeconds"] == 1
    assert "gracePeriodSeconds" not in api.asked[0][1]


def test_what_is_stored_is_loaded_again_and_a_snapshot_too_large_is_not_sent(kube, api, monkeypatch):
    memory = {"order": {"master": "a/0"}, "snapshot": {"discovery": {"r:x": {"ä": 1}}}}
    assert kube.store_memory(memory) == ""
    api.answers["GET /api/v1/namespaces/ns/secrets/fogflow-keeper"] = api.asked[-1][1]
    assert kube.load_memory() == memory
    count = len(api.asked)
    monkeypatch.setattr(kube_module, "_LARGEST", 10)
    assert "kept in memory only" in kube.store_memory(memory)
    assert len(api.asked) == count


def test_an_empty_secret_is_an_empty_memory(kube, api):
    api.answers["GET /api/v1/namespaces/ns/secrets/fogflow-keeper"] = {"metadata": {}}
    assert kube.load_memory() == {}


def test_the_report_is_one_key_of_the_config_map(kube, api):
    kube.write_report({"v": 1})
    key, body, headers = api.asked[-1]
    assert key == "PATCH /api/v1/namespaces/ns/configmaps/fogflow-health"
    assert json.loads(body["data"]["health.json"]) == {"v": 1}
    assert headers["Content-Type"] == "application/merge-patch+json"


# -- cleanup ------------------------------------------------------------------------------------------------------------


def test_the_cleanup_stops_the_keeper_first_then_the_worker_then_reaps(kube, api):
    api.answers[f"GET {DEPLOYMENTS.format('ns-tasks')}"] = {"items": [{"metadata": {"name": "fogflow-task-1"}}]}
    cleanup.clean_up(kube)
    assert [key.split("?")[0] for key in api.calls] == [
        f"PATCH {DEPLOYMENTS.format('ns')}/keeper",
        f"PATCH {DEPLOYMENTS.format('ns')}/cloud-worker",
        f"GET {PODS}",
        f"GET {DEPLOYMENTS.format('ns-tasks')}",
        "GET /api/v1/namespaces/ns-tasks/services",
        f"DELETE {DEPLOYMENTS.format('ns-tasks')}/fogflow-task-1",
        "DELETE /api/v1/namespaces/ns-tasks/services/fogflow-task-1",
    ]
    assert [body for _, body, _ in api.asked[:2]] == [{"spec": {"replicas": 0}}] * 2


def test_a_worker_that_does_not_end_keeps_nobody_waiting(kube, api, capsys):
    worker = {
        "metadata": {
            "name": "w",
            "uid": "w",
            "creationTimestamp": "",
            "labels": {"app.kubernetes.io/name": "cloud-worker"},
        }
    }
    api.answers[f"GET {PODS}"] = {"items": [worker]}
    start = time.monotonic()
    cleanup.clean_up(kube, 0.1)
    assert time.monotonic() - start < 3.0
    assert "does not end" in capsys.readouterr().out


def test_every_one_of_several_workers_is_waited_for(kube, api, capsys):
    api.answers[f"GET {PODS}"] = {"items": [numbered(1, "cloud-worker")]}
    cleanup.clean_up(kube, 0.1, worker="statefulsets")
    assert "does not end" in capsys.readouterr().out


def test_the_cleanup_exits_with_0_whatever_happens(kube, monkeypatch, capsys):
    def broken(*_):
        raise OSError("no route")

    monkeypatch.setattr(cleanup, "Kube", lambda *_: kube)
    monkeypatch.setattr(kube, "scale", broken)
    arguments = ["--release=fogflow", "--namespace=ns", "--tasks-namespace=ns-tasks", "--worker-keeps-tasks"]
    assert cleanup.main(arguments) == 0
    assert "tasks may be left in namespace ns-tasks" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("host", "url"),
    [(None, "https://kubernetes.default.svc:443"), ("10.96.0.1", "https://10.96.0.1:443"), ("fd00::1", "https://[fd00::1]:443")],
)  # fmt: skip
def test_the_api_server_is_known_also_without_the_variables_of_its_service(monkeypatch, host, url):
    monkeypatch.delenv("KUBERNETES_SERVICE_PORT", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    if host:
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    assert api_server() == url
