"""Whether a deploy fits into what the ResourceQuotas of a namespace have left.

A ResourceQuota limits the sum of what pods request (`requests.cpu`, `limits.memory`, `pods`) and the number of objects
(`services`, `secrets`, `count/deployments.apps`). `status.used` is the current use of the whole namespace. A `Demand`
describes what a deploy adds: new objects, the pods of workloads that it creates or replaces, and temporarily one pod more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from fogflow_k8s.model.kubernetes import Obj, metadata_of, spec_of, status_of
from fogflow_k8s.model.manifests import RESOURCES, component_of, pod_spec, workloads
from fogflow_k8s.model.quantities import Amounts, amounts, format_amount, plus, quantity, requests_of

_PODS = ("pods", "count/pods")
_COUNTED = {
    "configmaps",
    "persistentvolumeclaims",
    "resourcequotas",
    "secrets",
    "services",
}  # keys with and without count/
_COMPUTE = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
_ENDED = {"Succeeded", "Failed"}  # such a pod counts for no quota
_STORAGE = "requests.storage"


@dataclass(frozen=True)
class Demand:
    """What a deploy needs in one namespace."""

    objects: Sequence[Obj]  # all objects that exist after the deploy
    live: Mapping[tuple[str, str], Obj] = field(default_factory=dict)  # those of them that exist, by kind and name
    before: Sequence[Obj] = ()  # the objects of the revision that is installed
    pods: Sequence[Obj] = ()  # the release's own pods
    limit_ranges: Sequence[Obj] = ()
    beside: Sequence[Obj] = ()  # pod specifications, of which one at a time runs in addition to the workloads


def breaches(quotas: Sequence[Obj], demand: Demand) -> list[str]:
    """A line for each limit of a quota that the demand exceeds, or for which a container lacks the required field.

    A workload that does not change and has all its pods needs nothing. Quotas with scopes apply to some pods only; the API
    server checks them.
    """
    moved = _moved(demand)
    specs = [(component_of(w), _with_defaults(pod_spec(w), demand.limit_ranges), _replicas(w)) for w in moved]
    beside = [_usage(_with_defaults(spec, demand.limit_ranges)) for spec in demand.beside]
    wanted = plus(*(_times(_usage(spec), n) for _, spec, n in specs), _most(beside), _new(demand))
    back = plus(*(_usage(spec_of(pod)) for pod in _given_back(demand, moved)))
    found = []
    for quota in quotas:
        spec, used = spec_of(quota), amounts(status_of(quota).get("used"))
        if spec.get("scopes") or spec.get("scopeSelector"):
            continue
        name = quota["metadata"]["name"]
        for key, hard in (spec.get("hard") or {}).items():
            unset = sorted({component for component, each, n in specs if n and _lacks(each, key)})
            if unset:
                found.append(f"quota {name}, {key}: every container must set it, and these do not: {', '.join(unset)}")
            need = wanted.get(key, Fraction())
            free = quantity(hard) - used.get(key, Fraction()) + back.get(key, Fraction())
            if need and need > free:
                found.append(
                    f"quota {name}, {key}: {_format_limited(key, need)} wanted, {_format_limited(key, free, up=False)} left of {hard}"
                )
    return found


def surges(objects: Sequence[Obj], before: Sequence[Obj]) -> list[Obj]:
    """The pod specifications of which a rolling update must start one pod before it ends an old one."""
    return [pod_spec(o) for o in workloads(objects) if _same(o, before) and _has_changed(o, before) and _needs_surge(o)]


def is_counted(obj: Obj, quotas: Sequence[Obj]) -> bool:
    """Whether one of the quotas limits the number of such objects, or amounts that they use."""
    return any(key in _of_object(obj) for quota in quotas for key in spec_of(quota).get("hard") or {})


def _moved(demand: Demand) -> list[Obj]:
    """The workloads that get new pods: new or changed ones, and those with missing pods."""
    present: dict[str, int] = {}
    for pod in _alive(demand.pods):
        present[component_of(pod)] = present.get(component_of(pod), 0) + 1
    return [
        o
        for o in workloads(demand.objects)
        if _has_changed(o, demand.before) or present.get(component_of(o), 0) < _replicas(o)
    ]


def _given_back(demand: Demand, moved: Iterable[Obj]) -> list[Obj]:
    """The release's pods that the deploy ends: those of workloads that get new pods or are removed."""
    stay = {component_of(o) for o in workloads(demand.objects)} - {component_of(o) for o in moved}
    return [pod for pod in _alive(demand.pods) if component_of(pod) not in stay]


def _alive(pods: Iterable[Obj]) -> list[Obj]:
    return [pod for pod in pods if status_of(pod).get("phase") not in _ENDED]


def _same(workload: Obj, objects: Sequence[Obj]) -> Obj | None:
    key = (workload.get("kind"), workload["metadata"]["name"])
    return next((o for o in objects if (o.get("kind"), o["metadata"]["name"]) == key), None)


def _has_changed(workload: Obj, before: Sequence[Obj]) -> bool:
    old = _same(workload, before)
    return (
        old is None
        or pod_spec(old) != pod_spec(workload)
        or _labelled(old) != _labelled(workload)
        or _replicas(old) < _replicas(workload)
    )


def _labelled(workload: Obj) -> Obj:
    """Labels and annotations of the pod template; a change of them (a checksum) replaces the pods, too."""
    return metadata_of(spec_of(workload).get("template") or {})


def _replicas(workload: Obj) -> int:
    spec = spec_of(workload)
    return int(spec.get("parallelism" if workload.get("kind") == "Job" else "replicas", 1))


def _needs_surge(workload: Obj) -> bool:
    """Whether no old pod may end before a new one is ready: the Deployment's `maxUnavailable` is 0 pods."""
    strategy = spec_of(workload).get("strategy") or {}
    if workload.get("kind") != "Deployment" or strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return False
    missing = (strategy.get("rollingUpdate") or {}).get("maxUnavailable", "25%")
    count = str(missing)
    return _replicas(workload) > 0 and not (
        int(count[:-1]) * _replicas(workload) // 100 if count.endswith("%") else int(count)
    )


def _new(demand: Demand) -> Amounts:
    """The amounts of objects that do not exist yet, and the increases of existing ones (a Service that gets a node port)."""
    parts: list[Amounts] = []
    for obj in demand.objects:
        there = demand.live.get((str(obj.get("kind")), str(obj["metadata"]["name"])))
        old = _of_object(there) if there else {}
        parts.append({key: max(n - old.get(key, Fraction()), Fraction()) for key, n in _of_object(obj).items()})
        if obj.get("kind") in ("Deployment", "StatefulSet") and (there is None or _has_changed(obj, demand.before)):
            made = "replicasets" if obj["kind"] == "Deployment" else "controllerrevisions"  # one for each pod template
            parts.append({f"count/{made}.apps": Fraction(1)})
        parts += [
            _of_object(c)
            for c in _claims_of(obj)
            if ("PersistentVolumeClaim", c["metadata"]["name"]) not in demand.live
        ]
    return plus(*parts)


def _claims_of(workload: Obj) -> list[Obj]:
    """The claims that a StatefulSet creates for its pods."""
    spec = spec_of(workload)
    templates = spec.get("volumeClaimTemplates") or [] if workload.get("kind") == "StatefulSet" else []
    name = workload["metadata"]["name"]
    return [
        {
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": f"{t['metadata']['name']}-{name}-{n}"},
            "spec": spec_of(t),
        }
        for t in templates
        for n in range(_replicas(workload))
    ]


def _of_object(obj: Obj) -> Amounts:
    """The amounts of one object by a quota's keys, without those of a workload's pods."""
    kind, spec = str(obj.get("kind")), spec_of(obj)
    if kind not in RESOURCES or kind == "Pod":
        return {}
    api, plural, _ = RESOURCES[kind]
    group = api.rpartition("/")[0]
    found = {f"count/{plural}" + (f".{group}" if group else ""): Fraction(1)}
    if plural in _COUNTED:
        found[plural] = Fraction(1)
    if kind == "Service":
        type_ = spec.get("type", "ClusterIP")
        without = type_ == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is False
        found["services.loadbalancers"] = Fraction(type_ == "LoadBalancer")
        opens = type_ in ("NodePort", "LoadBalancer") and not without
        found["services.nodeports"] = Fraction(len(spec.get("ports") or []) if opens else 0)
    if kind == "PersistentVolumeClaim":
        size = quantity(((spec.get("resources") or {}).get("requests") or {}).get("storage", 0))
        found[_STORAGE] = size
        if class_ := spec.get("storageClassName"):
            prefix = f"{class_}.storageclass.storage.k8s.io/"
            found |= {prefix + _STORAGE: size, prefix + "persistentvolumeclaims": Fraction(1)}
    return found


def _usage(spec: Obj) -> Amounts:
    """The amounts of one pod of a specification, by a quota's keys."""
    asked = {name: amount for name, amount in requests_of(spec).items() if name != "pods"}
    limits = {name: amount for name, amount in requests_of(_limits_alone(spec)).items() if name != "pods"}
    named = {f"{part}.{name}": amount for part, some in (("requests", asked), ("limits", limits)) for name, amount in some.items()}  # fmt: skip
    return {**asked, **named, **dict.fromkeys(_PODS, Fraction(1))}  # a quota may leave out the word `requests`


def _limits_alone(spec: Obj) -> Obj:
    """The specification with its limits as requests, because both are added up over containers in the same way."""

    def turned(container: Obj) -> Obj:
        return {**container, "resources": {"requests": (container.get("resources") or {}).get("limits") or {}}}

    lists = {key: [turned(c) for c in spec.get(key) or []] for key in ("containers", "initContainers")}
    return {**turned(spec), **lists}


def _with_defaults(spec: Obj, limit_ranges: Sequence[Obj]) -> Obj:
    """The specification with the defaults of the namespace's LimitRanges; a container's own limit precedes their default request."""
    items = [i for r in limit_ranges for i in spec_of(r).get("limits") or [] if i.get("type") == "Container"]

    def filled(container: Obj) -> Obj:
        given = container.get("resources") or {}
        limits, requests = dict(given.get("limits") or {}), dict(given.get("requests") or {})
        requests = {**limits, **requests}
        for item in items:
            requests = {**(item.get("default") or {}), **(item.get("defaultRequest") or {}), **requests}
            limits = {**(item.get("default") or {}), **limits}
        return {**container, "resources": {**given, "limits": limits, "requests": requests}}

    return {**spec, **{key: [filled(c) for c in spec.get(key) or []] for key in ("containers", "initContainers")}}


def _lacks(spec: Obj, key: str) -> bool:
    """Whether a container does not set what a quota limits; Kubernetes then refuses the pod."""
    if key not in _COMPUTE:
        return False
    part, _, name = key.rpartition(".")
    containers = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    return any(name not in ((c.get("resources") or {}).get(part or "requests") or {}) for c in containers)


def _format_limited(key: str, amount: Fraction, *, up: bool = True) -> str:
    """An amount of the resource behind a quota's key, for people."""
    if key.endswith(_STORAGE):
        return format_amount("memory", amount, up=up).replace(" memory", " storage")
    what = key.removeprefix("requests.").removeprefix("limits.").removeprefix("count/")
    return format_amount(what, amount, up=up)


def _times(some: Amounts, count: int) -> Amounts:
    return {name: amount * count for name, amount in some.items()}


def _most(parts: Sequence[Amounts]) -> Amounts:
    return {name: max(p.get(name, Fraction()) for p in parts) for part in parts for name in part}
