"""A cluster, a broker and a bus in memory, behind the seams of the worker's heart; each may fail when it is told to."""

import asyncio
import contextlib
import copy
import itertools

from fogflow_k8s.model.task.manifests import Site
from fogflow_k8s.model.task.record import TASK, input_key
from fogflow_k8s.worker.broker import BrokerAway
from fogflow_k8s.worker.kube import Refused, Unreachable
from fogflow_k8s.worker.observed import Observed
from fogflow_k8s.worker.subscriptions import Subscriptions
from fogflow_k8s.worker.task_store import TaskStore
from fogflow_k8s.worker.tasks import Tasks

WORKER = "Worker.001"
SITE = Site(WORKER, "tasks", "http://broker:8070/ngsi10")


class Cluster:
    """Objects by kind and name. A Deployment with a replica gets a pod that is ready, and its Service an endpoint, at once."""

    def __init__(self, faults=()):
        self.objects = {k: {} for k in ("deployments", "services", "configmaps", "pods", "endpointslices")}
        self.version = itertools.count(1)
        self.faults = iter(faults)
        self.calls = []
        self.observed = None
        self.refuse = None  # (kind, Refused): what the API server never allows
        self.ready = True

    async def list(self, kind, _selector):
        self._meet("LIST", kind)
        return copy.deepcopy(list(self.objects[kind].values())), str(next(self.version))

    async def get(self, kind, name):
        self._meet("GET", kind)
        return copy.deepcopy(self._there(kind, name))

    async def create(self, kind, body):
        self._meet("POST", kind)
        if self.refuse and self.refuse[0] == kind:
            raise self.refuse[1]
        name = body["metadata"]["name"]
        if name in self.objects[kind]:
            raise Refused(409, "AlreadyExists", f"{name} is there")
        return self._put(kind, copy.deepcopy(body))

    async def patch(self, kind, name, body):
        self._meet("PATCH", kind)
        obj = copy.deepcopy(self._there(kind, name))
        _merge(obj, body)
        return self._put(kind, obj)

    async def delete(self, kind, name):
        self._meet("DELETE", kind)
        gone = self.objects[kind].pop(name, None)
        if gone and kind == "deployments":
            self._pods(gone, 0)
        if gone and kind == "services":
            self._lead(gone)
        if gone and kind in self.observed._objects:
            self.observed._remove(kind, gone)

    def annotate(self, name, notes, *, seen=True):
        """As somebody else does it. The watch tells of it soon, if it is to be `seen`."""
        obj = copy.deepcopy(self.objects["deployments"][name])
        obj["metadata"]["annotations"].update(notes)
        written = self._put("deployments", obj)
        if seen:
            asyncio.get_running_loop().call_soon(self.observed.put, "deployments", written)

    def _meet(self, verb, kind):
        self.calls.append((verb, kind))
        fault = next(self.faults, None)
        if fault is not None:
            raise fault

    def _there(self, kind, name):
        if name not in self.objects[kind]:
            raise Refused(404, "NotFound", f"no {name}")
        return self.objects[kind][name]

    def _put(self, kind, obj):
        obj["metadata"]["resourceVersion"] = str(next(self.version))
        self.objects[kind][obj["metadata"]["name"]] = obj
        if kind == "deployments":
            self._pods(obj, obj["spec"]["replicas"] if self.ready else 0)
        if kind == "services":
            self._lead(obj)
        return copy.deepcopy(obj)

    def _pods(self, deployment, count):
        status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        self._follow("pods", deployment, {"status": status} if count else None)
        self._lead(deployment)

    def _lead(self, of):
        name = of["metadata"]["name"]
        leads = name in self.objects["services"] and name in self.objects["pods"]
        self._follow("endpointslices", of, {"endpoints": [{"conditions": {"ready": True}}]} if leads else None)

    def _follow(self, kind, of, body):
        """What a controller makes of an object, or takes away (None), under the same name."""
        name, here = of["metadata"]["name"], self.objects[kind]
        if (name in here) == (body is not None):
            return
        if body is None:
            asyncio.get_running_loop().call_soon(self.observed._remove, kind, here.pop(name))
            return
        labels = of["metadata"]["labels"]
        here[name] = {"metadata": {"name": name, "labels": labels, "resourceVersion": str(next(self.version))}, **body}
        asyncio.get_running_loop().call_soon(self.observed.put, kind, here[name])


class Broker:
    """Subscriptions by id, with what they are about."""

    def __init__(self, faults=()):
        self.held, self.ids, self.faults, self.outputs = {}, itertools.count(1), iter(faults), []
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()  # to end a subscription; what that waits for
        self.go_on.set()

    async def subscribe(self, _record, entry, reference):
        self._meet()
        sid = f"s{next(self.ids)}"
        self.held[sid] = (reference, input_key(entry))
        return sid

    async def unsubscribe(self, sid):
        self._meet()
        self.asked.set()
        await self.go_on.wait()
        self.held.pop(sid, None)

    async def subscriptions(self):
        self._meet()
        found = {}
        for sid, (reference, key) in self.held.items():
            found.setdefault(reference, {}).setdefault(key, []).append(sid)
        return found

    async def register_service(self, record, address, _location):
        self._meet()
        self.outputs.append(("service", record.id, address))

    async def forget_outputs(self, record):
        self._meet()
        self.outputs.append(("forgotten", record.id))

    def _meet(self):
        if next(self.faults, False):
            raise BrokerAway("away")


class Bus:
    """What was said."""

    def __init__(self):
        self.said = []

    def report(self, kind, payload):
        self.said.append((kind, payload))

    def of(self, task_id):
        return [p["Status"] for kind, p in self.said if kind == "TASK_UPDATE" and p["TaskID"] == task_id]


class World:
    """A worker in it. `start` is also what a new process does with the cluster of the one before."""

    def __init__(self, capacity=1000, cluster=None, broker=None):
        self.cluster, self.broker, self.bus = cluster or Cluster(), broker or Broker(), Bus()
        self.capacity = capacity

    async def start(self):
        self.observed = Observed(self.cluster, WORKER, self._changed)
        self.cluster.observed = self.observed
        keeping = TaskStore(self.cluster, SITE, self.observed)
        self.subscriptions = Subscriptions(self.broker, SITE, {})
        self.tasks = Tasks(keeping, self.observed, self.subscriptions, SITE, self.capacity, write_s=0)
        self.tasks.bus = self.bus
        faults, self.cluster.faults = self.cluster.faults, iter(())
        await self.observed.load()
        await self.tasks.load()
        with contextlib.suppress(BrokerAway):
            await self.tasks.verify()  # as Session does
        self.cluster.faults = faults
        self.looking = asyncio.gather(self.tasks.line.run(), self.tasks.writing.run())

    def _changed(self, hash_):
        self.tasks.changed(hash_)

    async def settled(self, *, written=True):
        """Until nothing is to be done; `written`: nor to be written."""
        line, writing = self.tasks.line, self.tasks.writing
        quiet = 0
        while quiet < 5:
            await asyncio.sleep(0)
            busy = line.unfinished or (written and writing.unfinished) or self.tasks._turns
            quiet = 0 if busy else quiet + 1
            if line._failures or writing._failures:
                await asyncio.sleep(0.001)

    async def stop(self):
        self.looking.cancel()
        await asyncio.gather(self.looking, return_exceptions=True)

    def running(self):
        """Ids of the tasks that have a pod, with what they are told of."""
        found = {}
        for obj in self.cluster.objects["deployments"].values():
            record = self.tasks.ledger.records.get(self.tasks._ids.get(obj["metadata"]["labels"][TASK]))
            if record and obj["spec"]["replicas"]:
                reference = SITE.reference(record)
                found[record.id] = sorted(key for ref, key in self.broker.held.values() if ref == reference)
        return found


def task(task_id="Task.t.n.1", inputs=("Device.1",), image="example/op:1", **more):
    """An ADD_TASK's PayLoad, as the master writes it."""
    return {
        "ID": task_id, "TopologyName": "topo", "TaskName": "name", "ServiceIntentID": "intent", "OperatorName": "op",
        "TaskType": "", "FunctionCode": "", "DockerImage": image, "Parameters": None, "WorkerID": WORKER,
        "IsExclusive": False, "PriorityLevel": 0, "Status": "scheduled",
        "Inputs": [{"Type": "Device", "ID": i, "AttributeList": None} for i in inputs] or None,
        "Outputs": [{"Type": "Out", "StreamID": f"Out.{task_id}.1", "Annotations": None}], **more,
    }  # fmt: skip


def flow(task_id, entity):
    """An ADD_INPUT's or REMOVE_INPUT's PayLoad."""
    return {
        "InputStream": {"Type": "Device", "ID": entity, "AttributeList": None},
        "TaskInstanceID": task_id,
        "WorkerID": WORKER,
    }


FAULTS = (None, Unreachable("away"), Refused(500, "InternalError", "oops"), Refused(409, "Conflict", "changed"))


def _merge(obj, patch):
    for key, value in patch.items():
        if value is None:
            obj.pop(key, None)
        elif isinstance(value, dict) and isinstance(obj.get(key), dict):
            _merge(obj[key], value)
        else:
            obj[key] = copy.deepcopy(value)
