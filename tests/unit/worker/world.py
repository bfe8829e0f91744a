"""A worker whose cluster, broker and message bus are in memory, for the unit tests. Cluster and broker fail on request."""

import asyncio
import contextlib
import copy
import itertools
import json

from fogflow_k8s.model.task.manifests import TaskEnvironment
from fogflow_k8s.model.task.record import TASK, TaskRecord, object_name
from fogflow_k8s.worker.broker import BrokerUnavailable
from fogflow_k8s.worker.kube import ApiError, ApiUnreachable
from fogflow_k8s.worker.object_cache import ObjectCache
from fogflow_k8s.worker.protocol import parse
from fogflow_k8s.worker.subscriptions import Subscriptions
from fogflow_k8s.worker.task_controller import TaskController
from fogflow_k8s.worker.task_reporter import TaskReporter
from fogflow_k8s.worker.task_store import TaskStore

WORKER = "Worker.001"
ENVIRONMENT = TaskEnvironment(WORKER, "tasks", "http://broker:8070/ngsi10")


class Cluster:
    """Objects by kind and name. A Deployment with a replica has a ready pod, and its Service an endpoint, at once."""

    def __init__(self, faults=()):
        self.objects = {k: {} for k in ("deployments", "services", "configmaps", "pods", "endpointslices")}
        self.version = itertools.count(1)
        self.faults = iter(faults)
        self.calls = []
        self.cache = None
        self.refuse = None  # (kind, ApiError): what the API server always rejects
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
            raise ApiError(409, "AlreadyExists", f"{name} is there")
        return self._put(kind, copy.deepcopy(body))

    async def patch(self, kind, name, body):
        self._meet("PATCH", kind)
        obj = copy.deepcopy(self._there(kind, name))
        _merge(obj, body)
        return self._put(kind, obj)

    async def delete(self, kind, name):
        self._meet("DELETE", kind)
        deleted = self.objects[kind].pop(name, None)
        if deleted and kind == "deployments":
            self._pods(deleted, 0)
        if deleted and kind == "services":
            self._lead(deleted)
        if deleted and kind in self.cache._objects:
            self.cache._remove(kind, deleted)

    def annotate(self, name, notes, *, seen=True):
        """Annotate a Deployment as another program does. The watch shows it soon, if it is `seen`."""
        obj = copy.deepcopy(self.objects["deployments"][name])
        obj["metadata"]["annotations"].update(notes)
        written = self._put("deployments", obj)
        if seen:
            asyncio.get_running_loop().call_soon(self.cache.put, "deployments", written)

    def _meet(self, verb, kind):
        self.calls.append((verb, kind))
        fault = next(self.faults, None)
        if fault is not None:
            raise fault

    def _there(self, kind, name):
        if name not in self.objects[kind]:
            raise ApiError(404, "NotFound", f"no {name}")
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
        """Create what a controller creates for an object, under the same name, or delete it (None)."""
        name, here = of["metadata"]["name"], self.objects[kind]
        if (name in here) == (body is not None):
            return
        if body is None:
            asyncio.get_running_loop().call_soon(self.cache._remove, kind, here.pop(name))
            return
        labels = of["metadata"]["labels"]
        here[name] = {"metadata": {"name": name, "labels": labels, "resourceVersion": str(next(self.version))}, **body}
        asyncio.get_running_loop().call_soon(self.cache.put, kind, here[name])


class Broker:
    """Subscriptions by id, with their reference and the key of their input."""

    def __init__(self, faults=()):
        self.held, self.ids, self.faults, self.outputs = {}, itertools.count(1), iter(faults), []
        self.asked, self.go_on = (
            asyncio.Event(),
            asyncio.Event(),
        )  # deleting a subscription was requested; it may continue
        self.go_on.set()

    async def subscribe(self, _record, task_input, reference):
        self._meet()
        sid = f"s{next(self.ids)}"
        self.held[sid] = (reference, task_input.key)
        return sid

    async def unsubscribe(self, subscription_id):
        self._meet()
        self.asked.set()
        await self.go_on.wait()
        self.held.pop(subscription_id, None)

    async def subscriptions(self):
        self._meet()
        found = {}
        for sid, (reference, key) in self.held.items():
            found.setdefault(reference, {}).setdefault(key, []).append(sid)
        return found

    async def register_service(self, record, address, _location):
        self._meet()
        self.outputs.append(("service", record.id, address))

    async def delete_outputs(self, record):
        self._meet()
        self.outputs.append(("forgotten", record.id))

    def _meet(self):
        if next(self.faults, False):
            raise BrokerUnavailable("away")


class Bus:
    """The reports that were sent."""

    def __init__(self):
        self.reports = []

    def report(self, kind, payload):
        self.reports.append((kind, payload))

    def of(self, task_id):
        return [p["Status"] for kind, p in self.reports if kind == "TASK_UPDATE" and p["TaskID"] == task_id]


class World:
    """A worker with its cluster, broker and bus. `start` a second time is a new process with the same cluster."""

    def __init__(self, capacity=1000, cluster=None, broker=None):
        self.cluster, self.broker, self.bus = cluster or Cluster(), broker or Broker(), Bus()
        self.capacity = capacity

    async def start(self):
        self.cache = ObjectCache(self.cluster, WORKER, self._changed)
        self.cluster.cache = self.cache
        self.subscriptions = Subscriptions(self.broker, ENVIRONMENT, {})
        self.tasks = TaskController(
            TaskStore(self.cluster, ENVIRONMENT, self.cache), self.cache, self.subscriptions, TaskReporter(self.bus, ENVIRONMENT),
            WORKER, self.capacity, write_delay_s=0,
        )  # fmt: skip
        faults, self.cluster.faults = self.cluster.faults, iter(())
        await self.cache.list_all()
        await self.tasks.read_all()
        with contextlib.suppress(BrokerUnavailable):
            await self.tasks.verify_subscriptions()  # as Session does
        self.cluster.faults = faults
        self.running_queues = asyncio.gather(self.tasks.queue.run(), self.tasks.state_writes.run())

    def _changed(self, hash_):
        self.tasks.on_object_change(hash_)

    async def settled(self, *, written=True):
        """Wait until nothing is left to do and, if `written`, nothing left to write."""
        queue, writes = self.tasks.queue, self.tasks.state_writes
        quiet = 0
        while quiet < 5:
            await asyncio.sleep(0)
            busy = queue.unfinished or (written and writes.unfinished) or self.tasks._locks
            quiet = 0 if busy else quiet + 1
            if queue._failures or writes._failures:
                await asyncio.sleep(0.001)

    async def stop(self):
        self.running_queues.cancel()
        await asyncio.gather(self.running_queues, return_exceptions=True)

    def running(self):
        """Ids of the tasks that have a pod, with the keys of the inputs that they are subscribed to."""
        found = {}
        for obj in self.cluster.objects["deployments"].values():
            record = self.tasks.ledger.records.get(self.tasks._ids.get(obj["metadata"]["labels"][TASK]))
            if record and obj["spec"]["replicas"]:
                reference = ENVIRONMENT.reference(record)
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


def message(kind, payload):
    """A message of the master, as the worker parses it."""
    body = {"Type": kind, "RoutingKey": f"{WORKER}.", "From": "Master.001", "PayLoad": payload}
    return parse(json.dumps(body).encode())


def record(payload, order=1):
    """The record of a new task with this ADD_TASK's PayLoad."""
    return TaskRecord(object_name(WORKER, payload["ID"]), message("ADD_TASK", payload).task, order)


def flow(task_id, entity):
    """An ADD_INPUT's or REMOVE_INPUT's PayLoad."""
    return {
        "InputStream": {"Type": "Device", "ID": entity, "AttributeList": None},
        "TaskInstanceID": task_id,
        "WorkerID": WORKER,
    }


FAULTS = (None, ApiUnreachable("away"), ApiError(500, "InternalError", "oops"), ApiError(409, "Conflict", "changed"))


def _merge(obj, patch):
    for key, value in patch.items():
        if value is None:
            obj.pop(key, None)
        elif isinstance(value, dict) and isinstance(obj.get(key), dict):
            _merge(obj[key], value)
        else:
            obj[key] = copy.deepcopy(value)
