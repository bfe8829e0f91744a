"""An API server in memory, with the controllers and kubelets behind it: the `Cluster` seam for tests of a whole release.

What becomes of a pod is told by its image's tag or its component (`Cluster.fate`), what becomes of a call by
`Cluster.refuse` and `Cluster.hooks`.
"""

import base64
import itertools
import json
import re
from datetime import UTC, datetime, timedelta

from fogflow_k8s.adapters.kubernetes.errors import Conflict, Invalid, NotFound
from fogflow_k8s.errors import ClusterError
from fogflow_k8s.model.manifests import RESOURCES
from fogflow_k8s.model.settings.base import merge
from tests.unit.model.nodes import node

START = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
HOME = "city"
SETS = ("Deployment", "StatefulSet")
BAD, NEVER, SLOW = "bad", "never", "slow"  # tags: an image that does not exist, one that is never ready, or after 30 s
_STATUSES = {400: Invalid, 404: NotFound, 409: Conflict, 422: Invalid}
_TERM = re.compile(r"([\w./-]+)(?: in \(([^)]*)\)|=([^,]+))")


def encoded(text):
    """As a Secret's data hold it."""
    return base64.b64encode(text.encode()).decode()


def decoded(secret):
    """The password in a Secret."""
    return base64.b64decode(secret["data"]["password"]).decode()


def _sent(obj):
    """A copy, as it comes over the wire."""
    return json.loads(json.dumps(obj))


def _key(obj):
    return obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _selected(selector, obj):
    labels = obj["metadata"].get("labels") or {}
    return all(labels.get(k) in (some.split(",") if some else [one]) for k, some, one in _TERM.findall(selector))


class Cluster:
    """An API server with controllers and kubelets. `fate`: seconds until such a pod is ready, or its container's state."""

    context, server, version = "test", "https://test", "v1.37.0"

    def __init__(self, clock):
        self.time, self.uid = clock, "uid-of-kube-system"
        self.objects, self.templates, self.born = {}, {}, {}
        self.calls, self.hooks, self.denied = [], [], set()
        self.stays = False  # pods do not end when they are deleted
        self.log = ""
        absent = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
        self.fate = {BAD: absent, NEVER: float("inf"), SLOW: 30.0}
        self._numbers = 0
        for name in ("kube-system", "default"):
            self.put({"kind": "Namespace", "metadata": {"name": name}})
        self.put(node("one", plane=True))

    @property
    def writes(self):
        """Every call that changes something."""
        return [call for call in self.calls if call[0] in {"create", "replace", "apply", "delete"}]

    def refuse(self, verb, kind, status=403, *, name="", times=10**6, after=0):
        """Answer such calls ("" = all) with an error, `times` times, after the first `after`; status 0: no answer at all."""
        numbers = itertools.count()

        def hook(*call):
            wanted = verb in {"", call[0]} and kind in {"", call[1]} and name in {"", call[2]}
            if wanted and after <= next(numbers) < after + times:
                message = f"{call[1]} {call[2]} is forbidden" if status == 403 else "refused by the test"
                raise _STATUSES.get(status, ClusterError)(message, status=status)

        self.hooks.append(hook)

    def put(self, obj):
        """Store an object as the server would, and let the controllers do their work."""
        key = _key(obj)
        old = self.objects.get(key)
        known = (old or {}).get("metadata") or {
            "uid": f"uid-{self._next()}",
            "creationTimestamp": self.now(),
            "generation": 0,
        }
        changed = old is None or old.get("spec") != obj.get("spec")
        meta = {k: known[k] for k in ("uid", "creationTimestamp")} | {"generation": known["generation"] + changed}
        new = _sent({**obj, "metadata": {**obj["metadata"], **meta, "resourceVersion": str(self._next())}})
        if new.pop("stringData", None):
            new["data"] = {**new.get("data", {}), **{k: encoded(v) for k, v in obj["stringData"].items()}}
        self.objects[key] = new
        if key[0] in SETS:
            self._settle(new)
        return self._shown(new)

    def edit(self, kind, name, change, *, manager="kubectl", fields=None):
        """Change an object by hand; `fields` as managedFields tells of them."""
        obj = self.objects[kind, HOME if RESOURCES[kind][2] else "", name]
        new = merge(obj, change)
        if fields:
            new["metadata"]["managedFields"] = [{"manager": manager, "fieldsV1": fields}]
        self.put(new)

    def _next(self):
        self._numbers += 1
        return self._numbers

    def now(self):
        """The time as the API writes it."""
        return (START + timedelta(seconds=self.time.now())).isoformat()

    def _settle(self, obj):
        """Replace the pods when the template changed, make or end some when only their number did."""
        uid, template = obj["metadata"]["uid"], obj["spec"]["template"]
        sets = obj["kind"] == "Deployment"
        if self.templates.get(uid) != template:
            self.templates[uid] = _sent(template)
            self._drop(uid)
            revision = {"deployment.kubernetes.io/revision": str(self._next())}
            obj["metadata"]["annotations"] = {
                **(obj["metadata"].get("annotations") or {}),
                **(revision if sets else {}),
            }
            owner = f"{uid}-{obj['metadata']['generation']}" if sets else uid
            home = obj["metadata"]["namespace"]
            meta = {"name": owner, "namespace": home, "uid": owner, "labels": obj["metadata"].get("labels", {})}
            made = {**meta, "annotations": revision, "ownerReferences": [{"uid": uid}], "generation": 1}
            if sets:
                self.objects["ReplicaSet", home, owner] = {"kind": "ReplicaSet", "metadata": made}
        owner = next((o["metadata"]["uid"] for o in self._of(uid) if o["kind"] == "ReplicaSet"), uid)
        pods = self._pods(uid)
        for pod in pods[obj["spec"].get("replicas", 1) :]:
            self.objects.pop(_key(pod))
        for _ in range(obj["spec"].get("replicas", 1) - len(pods)):
            self._make(obj, owner)

    def _make(self, obj, owner):
        name = f"{obj['metadata']['name']}-{self._next()}"
        labels = obj["spec"]["template"]["metadata"]["labels"]
        home = obj["metadata"]["namespace"]
        meta = {"name": name, "namespace": home, "uid": name, "labels": labels, "ownerReferences": [{"uid": owner}]}
        spec = {**_sent(obj["spec"]["template"]["spec"]), "nodeName": "one"}
        tag = spec["containers"][0]["image"].rpartition(":")[2]
        fate = self.fate.get(tag, self.fate.get(obj["metadata"]["name"], 0.0))
        self.born[name] = (self.time.now(), fate)
        self.objects["Pod", home, name] = {"kind": "Pod", "metadata": meta, "spec": spec}

    def _of(self, uid):
        return [o for o in self.objects.values() if {"uid": uid} in o["metadata"].get("ownerReferences", [])]

    def _pods(self, uid):
        sets = [uid, *(o["metadata"]["uid"] for o in self._of(uid))]
        return [o for each in sets for o in self._of(each) if o["kind"] == "Pod"]

    def _drop(self, uid):
        for each in [*self._pods(uid), *self._of(uid)]:
            if self.stays and each["kind"] == "Pod":
                each["metadata"]["deletionTimestamp"] = self.now()
            else:
                self.objects.pop(_key(each), None)

    def _shown(self, obj):
        """As the server shows it: with the status that kubelets and controllers have written."""
        obj = _sent(obj)
        if obj["kind"] == "Pod" and obj["metadata"]["name"] in self.born:
            since, fate = self.born[obj["metadata"]["name"]]
            at = since + (fate if isinstance(fate, float) else float("inf"))
            ready = self.time.now() >= at
            state = (
                {"running": {}}
                if ready
                else fate
                if isinstance(fate, dict)
                else {"waiting": {"reason": "ContainerCreating"}}
            )
            when = {"lastTransitionTime": (START + timedelta(seconds=at)).isoformat()} if ready else {}
            name = obj["spec"]["containers"][0]["name"]
            statuses = [{"name": name, "ready": ready, "restartCount": 0, "state": state}]
            condition = {"type": "Ready", "status": str(ready), **when}
            obj["status"] = {"phase": "Running", "conditions": [condition], "containerStatuses": statuses}
        if obj["kind"] in SETS:
            pods = [self._shown(pod) for pod in self._pods(obj["metadata"]["uid"])]
            ready = sum(pod["status"]["conditions"][0]["status"] == "True" for pod in pods)
            names = {
                "replicas": len(pods),
                "updatedReplicas": len(pods),
                "readyReplicas": ready,
                "availableReplicas": ready,
            }
            obj["status"] = {"observedGeneration": obj["metadata"]["generation"], **names}
        return obj

    def _meet(self, verb, kind, name):
        self.calls.append((verb, kind, name))
        for hook in list(self.hooks):
            hook(verb, kind, name)

    def get(self, kind, name, namespace=""):
        self._meet("get", kind, name)
        found = self.objects.get((kind, namespace, name))
        return self._shown(found) if found else None

    def list(self, kind, namespace="", selector="", fields=""):
        self._meet("list", kind, "")
        found = [o for (k, n, _), o in list(self.objects.items()) if k == kind and namespace in {"", n}]
        hidden = fields.removeprefix("type!=") if fields.startswith("type!=") else None
        return [self._shown(o) for o in found if _selected(selector, o) and (hidden is None or o.get("type") != hidden)]

    def pages(self, kind, namespace="", selector="", fields=""):
        yield self.list(kind, namespace, selector, fields)

    def labels(self, kind, namespace, selector=""):
        return [o["metadata"].get("labels") or {} for o in self.list(kind, namespace, selector)]

    def table(self, kind, namespace, selector=""):
        return ["Name", "Status"], [[o["metadata"]["name"], "Running"] for o in self.list(kind, namespace, selector)]

    def clock(self):
        self._meet("get", "version", "")
        return START + timedelta(seconds=self.time.now())

    def logs(self, *_, **__):
        return self.log

    def create(self, obj, *, dry_run=False):
        if obj["kind"].startswith("SelfSubject"):
            asked = (obj.get("spec") or {}).get("resourceAttributes") or {}
            allowed = f"{asked.get('verb')} {asked.get('resource')}" not in self.denied
            return {"status": {"allowed": allowed, "userInfo": {"username": "jane"}}}
        self._meet("dry-run" if dry_run else "create", obj["kind"], obj["metadata"]["name"])
        if _key(obj) in self.objects:
            raise Conflict("it exists already", status=409)
        return obj if dry_run else self.put(obj)

    def replace(self, obj):
        self._meet("replace", obj["kind"], obj["metadata"]["name"])
        found = self.objects.get(_key(obj))
        if found is None:
            raise NotFound("no such object", status=404)
        if obj["metadata"].get("resourceVersion") not in {None, found["metadata"]["resourceVersion"]}:
            raise Conflict("another client changed it", status=409)
        return self.put(obj)

    def apply(self, obj, *, manager="", force=True, dry_run=False):
        del manager, force
        self._meet("dry-run" if dry_run else "apply", obj["kind"], obj["metadata"]["name"])
        return merge(self.objects.get(_key(obj)) or {}, _sent(obj)) if dry_run else self.lay(obj)

    def lay(self, obj):
        """Lay an object upon what there is, as a server-side apply does; lists are replaced."""
        return self.put(merge(self.objects.get(_key(obj)) or {}, _sent(obj)))

    def delete(self, kind, name, namespace="", *, grace_s=None):
        del grace_s
        self._meet("delete", kind, name)
        return self.remove(kind, name, namespace)

    def remove(self, kind, name, namespace=""):
        """Remove an object; its controller makes a pod anew."""
        found = self.objects.get((kind, namespace, name))
        if found is None:
            return False
        if kind == "Pod" and self.stays:
            found["metadata"]["deletionTimestamp"] = self.now()
            return True
        del self.objects[kind, namespace, name]
        if kind in SETS:
            self._drop(found["metadata"]["uid"])
        for owner in [o for o in self.objects.values() if o["kind"] in SETS and kind == "Pod"]:
            self._settle(owner)
        return True
