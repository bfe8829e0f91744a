"""A helm in memory, with a chart of a few components: the `StartingRunner` seam for tests of a whole release.

`Programs.plan` tells how the next helm of a verb goes wrong.
"""

import base64
import gzip
import json
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fogflow_k8s.adapters.process import Completed
from fogflow_k8s.errors import ToolMissing
from fogflow_k8s.model.components import BY_NAME
from fogflow_k8s.model.manifests import RESOURCES, hook_of
from fogflow_k8s.model.settings.base import merge
from tests.unit.actions.fake_cluster import HOME, decoded, encoded

RELEASE, TASKS = "fogflow", f"{HOME}-tasks"
OWN, SECRET = f"{RELEASE}-fogflow-k8s", "fogflow-rabbitmq"  # our Lease and record; the Secret that a deploy makes
CHART, EDGE_CHART = Path("chart"), Path("edge-chart")
VERSION = "fogflow-chart-1.0.0"
COMPONENTS = ("rabbitmq", "discovery", "cloud-broker", "master", "cloud-worker", "designer", "nginx")
OPEN_REVISIONS = ("pending-install", "pending-upgrade", "pending-rollback", "uninstalling")


def render(values, chart=CHART, password="made-up"):
    """What a chart makes of the values: hooks among it, and the chart's own Secret when the values name none."""
    auth = (values.get("rabbitmq") or {}).get("auth") or {}
    own = chart == CHART and not auth.get("existingSecret")
    secret = SECRET if own or chart == EDGE_CHART else auth["existingSecret"]
    names = COMPONENTS if chart == CHART else ("edge-broker", "edge-worker")
    names += ("keeper",) if (values.get("keeper") or {}).get("enabled") else ()
    claim = ((values.get("designer") or {}).get("persistence") or {}).get("enabled")
    hook = _object("Job", "fogflow-cleanup", "cleanup", spec={"template": {"spec": {}}})
    hook["metadata"]["annotations"] = {"helm.sh/hook": "pre-delete"}
    password = auth.get("password") or password
    config = merge({"worker": {"app_namespace": TASKS}}, values.get("config") or {})
    tasks = config["worker"]["app_namespace"]
    return [
        *([_object("Secret", secret, "rabbitmq", data={"password": encoded(password)})] if own else []),
        *([_object("PersistentVolumeClaim", "designer", "designer", spec={})] if claim else []),
        _object("Namespace", tasks, "tasks"),
        _object("ConfigMap", "fogflow-config", next(n for n in names if n.endswith("-worker")), data={"config.json": json.dumps(config)}),
        _object("Service", "nginx", "nginx", spec={"externalIPs": list(values.get("externalIPs") or [])}),
        *(_workload(name, values, secret) for name in names), hook,
    ]  # fmt: skip


def _object(kind, name, component, **more):
    return {"apiVersion": RESOURCES[kind][0], "kind": kind, "metadata": {"name": name, "labels": _labels(component)}, **more}  # fmt: skip


def _labels(component):
    own = {"app.kubernetes.io/instance": RELEASE, "app.kubernetes.io/part-of": "fogflow", "helm.sh/chart": VERSION}
    return {**own, "app.kubernetes.io/component": component}


def _workload(name, values, secret):
    given = values.get(BY_NAME[name].key if name in BY_NAME else name) or {}
    several = name == "cloud-broker" and given.get("shards", 1) > 1
    image = f"fogflow/{name}:{(given.get('image') or {}).get('tag', '1')}"
    pods = {"containers": [{"name": name, "image": image, "resources": given.get("resources") or {}}]}
    pods["imagePullSecrets"] = [{"name": each} for each in (values.get("global") or {}).get("imagePullSecrets") or []]
    if name in {"rabbitmq", "master"}:
        pods["volumes"] = [{"name": "password", "secret": {"secretName": secret}}]
    if name == "nginx":
        softly = [{"topologyKey": "kubernetes.io/hostname"}]
        pods["topologySpreadConstraints"] = given.get("topologySpreadConstraints", softly)
    count = values.get("replicaCount", 1) if name == "nginx" else given.get("shards", 1)
    spec = {"replicas": count, "template": {"metadata": {"labels": _labels(name)}, "spec": pods}}
    spec["strategy"] = {"type": "RollingUpdate" if name == "nginx" else "Recreate"}
    return _object("StatefulSet" if several else "Deployment", name, name, spec=spec)


@dataclass
class Plan:
    """How the next helm of a verb goes wrong: `leaves` is the status of the revision that it has made, "" for none."""

    stderr: str = "Error: it does not work"
    code: int = 1
    leaves: str = "failed"
    interrupt: bool = False  # Ctrl-C while it is waited for
    hangs: bool = False
    first_wait: Any = None  # done when it is waited for, before it hangs
    first: Any = None  # done before it begins


class Child:
    """A helm under way; it does its work when it is waited for."""

    def __init__(self, argv, work, plan=None):
        self.argv, self.work, self.plan, self.done, self.stopped = argv, work, plan, None, False

    def poll(self):
        return self.done

    def wait(self, timeout_s):
        del timeout_s
        if self.plan and not self.stopped and self.plan.interrupt:
            raise KeyboardInterrupt
        if self.plan and not self.stopped and self.plan.hangs:
            if self.plan.first_wait:
                self.plan.first_wait()
                self.plan.first_wait = None
            return None
        self.done = self.done or Completed(tuple(self.argv), *self.work(self.plan), 0.0)
        return self.done

    def stop(self):
        self.stopped = True
        return self.wait(0)

    def kill(self):
        self.stopped = True


class Programs:
    """Behind `StartingRunner`: a helm that keeps its revisions here, and the labels of its Secrets in the cluster."""

    def __init__(self, cluster):
        self.cluster, self.revisions, self.plans, self.started = cluster, [], {}, []

    def plan(self, verb, **how):
        """Let the next helm of that verb that has no plan yet go wrong."""
        self.plans.setdefault(verb, []).append(Plan(**how))

    def run(self, argv, *, stdin=None, timeout_s=60.0):
        del stdin, timeout_s
        raise ToolMissing(f"cannot run {argv[0]}")

    def start(self, argv, *, stdin=None):
        verb = f"{argv[1]}-{argv[2]}" if argv[1] == "get" else argv[1]
        verb = {"upgrade": "rehearsal", "template": "identity"}[verb] if "--dry-run=server" in argv else verb
        self.started.append((verb, list(argv)))
        plans = self.plans.get(verb) or []
        given = json.loads(stdin) if stdin else {}
        work = getattr(self, f"_{verb.replace('-', '_')}")
        return Child(argv, lambda plan: work(argv, given, plan), plans.pop(0) if plans else None)

    def verbs(self, *wanted):
        """The verbs so far, of those that change something unless others are wanted."""
        return [verb for verb, _ in self.started if verb in (wanted or ("upgrade", "rollback", "uninstall"))]

    def flags(self, verb):
        """The command line of the last helm of a verb."""
        return next(argv for each, argv in reversed(self.started) if each == verb)

    def statuses(self):
        """The history in short."""
        return [revision["status"] for revision in self.revisions]

    def set_status(self, number, status):
        """Let a revision be as a helm that died has left it."""
        self.revisions[number - 1]["status"] = status
        labels = {"owner": "helm", "name": RELEASE, "version": str(number), "status": status}
        meta = {"name": f"sh.helm.release.v1.{RELEASE}.v{number}", "namespace": HOME, "labels": labels}
        data = {"release": encoded(_packed(self.revisions[number - 1]))}
        self.cluster.put({"kind": "Secret", "metadata": meta, "type": "helm.sh/release.v1", "data": data})

    def _version(self, *_):
        return 0, "v4.3.1", ""

    def _history(self, _, __, plan):
        if plan:
            return plan.code, "", plan.stderr
        if not self.revisions:
            return 1, "", "Error: release: not found"
        return (
            0,
            json.dumps([{k: r[k] for k in ("revision", "status", "chart", "description")} for r in self.revisions]),
            "",
        )

    def _get_manifest(self, argv, _, plan):
        if plan or not self.revisions:
            return 1, "", plan.stderr if plan else "Error: release: not found"
        return 0, _text(self._asked(argv)["objects"]), ""

    def _get_values(self, argv, *_):
        return 0, json.dumps(self._asked(argv)["values"]), ""

    def _status(self, *_):
        return 0, json.dumps({"name": RELEASE}), ""

    def _asked(self, argv):
        number = int(argv[argv.index("--revision") + 1]) if "--revision" in argv else len(self.revisions)
        return self.revisions[number - 1]

    def _template(self, argv, values, plan):
        return (plan.code, "", plan.stderr) if plan else (0, _text(render(values, Path(argv[3]))), "")

    def _identity(self, _, wanted, plan):
        uid = plan.stderr if plan else self.cluster.uid
        if wanted["kind"] != "Namespace":
            found = self.cluster.objects.get((wanted["kind"], wanted["namespace"], wanted["name"])) or {
                "metadata": {"uid": ""}
            }
            uid = plan.stderr if plan else found["metadata"]["uid"]
        return 0, f'data:\n  uid: "{uid}"\n', ""

    def _rehearsal(self, argv, values, plan):
        if plan:
            return plan.code, "", plan.stderr
        return 0, json.dumps({"manifest": _text(self._with_cluster(argv, values))}), ""

    def _with_cluster(self, argv, values):
        """As a chart renders that can look into the cluster: with the password of before, without others' namespaces."""
        secret = self.cluster.objects.get(("Secret", HOME, SECRET))
        known = decoded(secret) if secret else f"made-up-{len(self.revisions)}"
        return [o for o in render(values, Path(argv[3]), known) if not hook_of(o) and not self._is_anothers(o)]

    def _is_anothers(self, obj):
        live = (
            self.cluster.objects.get(("Namespace", "", obj["metadata"]["name"])) if obj["kind"] == "Namespace" else None
        )
        return bool(live) and "meta.helm.sh/release-name" not in (live["metadata"].get("annotations") or {})

    def _upgrade(self, argv, values, plan):
        if self.revisions and self.revisions[-1]["status"] in OPEN_REVISIONS:
            return 1, "", "Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress"
        return self._revise(self._with_cluster(argv, values), values, plan)

    def _rollback(self, argv, _, plan):
        goal = self.revisions[int(argv[3]) - 1]
        return self._revise(goal["objects"], goal["values"], plan, description=f"Rollback to {goal['revision']}")

    def _uninstall(self, *args):
        plan = args[-1]
        if plan:
            return plan.code, "", plan.stderr
        self._write([], self.revisions[-1]["objects"])
        for number in range(1, len(self.revisions) + 1):
            self.cluster.remove("Secret", f"sh.helm.release.v1.{RELEASE}.v{number}", HOME)
        self.revisions.clear()
        return 0, "", ""

    def _revise(self, objects, values, plan, description="fogflow-k8s deploy"):
        if plan and plan.first:
            plan.first()
        if plan and not plan.leaves:
            return plan.code, "", plan.stderr
        before = [r for r in self.revisions if r["status"] in {"deployed", "failed"}]
        number = len(self.revisions) + 1
        made = {"revision": number, "chart": VERSION, "objects": deepcopy(objects), "values": values}
        self.revisions.append({**made, "status": "", "description": description})
        self._write(objects, self.revisions[-2]["objects"] if number > 1 else [])
        self.set_status(number, plan.leaves if plan else "deployed")
        if plan:
            return plan.code, "", plan.stderr
        for each in before:
            if each["status"] == "deployed":
                self.set_status(each["revision"], "superseded")
        chart = {"metadata": {"name": "fogflow-chart", "version": "1.0.0"}}
        return 0, json.dumps({"version": number, "info": {"status": "deployed"}, "chart": chart}), ""

    def _write(self, objects, before):
        owner = {"meta.helm.sh/release-name": RELEASE, "meta.helm.sh/release-namespace": HOME}
        marks = {"annotations": owner, "labels": {"app.kubernetes.io/managed-by": "Helm"}}
        place = {id(o): HOME if RESOURCES[o["kind"]][2] else "" for o in (*objects, *before)}
        wanted = {(o["kind"], o["metadata"]["name"]) for o in objects}
        for each in before:
            if (each["kind"], each["metadata"]["name"]) not in wanted:
                self.cluster.remove(each["kind"], each["metadata"]["name"], place[id(each)])
        for each in objects:
            meta = {**each["metadata"], "namespace": place[id(each)]}
            meta |= {k: {**(each["metadata"].get(k) or {}), **v} for k, v in marks.items()}
            self.cluster.lay({**each, "metadata": meta})


def _packed(revision):
    """A revision as Helm stores it: base64 of gzipped JSON."""
    name, _, version = revision["chart"].rpartition("-")
    release = {
        "name": RELEASE, "version": revision["revision"], "info": {k: revision[k] for k in ("status", "description")},
        "chart": {"metadata": {"name": name, "version": version}}, "manifest": _text(revision["objects"]),
    }  # fmt: skip
    return base64.b64encode(gzip.compress(json.dumps(release).encode(), 1)).decode()


def _text(objects):
    return "\n---\n".join(map(json.dumps, objects))
