"""Why a pod is not ready: its state and events in, causes out. Pure; any order of input gives the same answer.

Old and superseded pods must be left out by the caller: only what belongs to the newest version can be to blame.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fogflow_k8s.model.catalogue import Cause, Kind, cause

Obj = Mapping[str, Any]

CRASH_BUDGET = 1  # restarts before a crash is called hopeless: the first crash may be a race at start, a second is none
_PULL_REASONS = (
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
)
_CONFIG_REASONS = ("CreateContainerConfigError", "CreateContainerError")
_START_REASONS = ("RunContainerError", "ContainerCannotRun", "StartError")

# The scheduler's own phrases ("0/3 nodes are available: 1 Insufficient cpu, 2 ... taint"). A node is counted once, under the
# first filter that refuses it; the filters are name, taint, affinity, ports, resources, volumes. The later a filter, the
# closer that node came, so the later ones come first here.
_UNSCHEDULABLE = (
    (r"Insufficient cpu", "FK-3001", "no node has enough free CPU"),
    (r"Insufficient memory", "FK-3002", "no node has enough free memory"),
    (r"Too many pods", "FK-3003", "the nodes are full"),
    (r"didn't have free ports", "FK-3007", "the host port is taken on every node"),
    (r"volume|PersistentVolume", "FK-3006", "no node can give it its volume"),
    (r"untolerated taint", "FK-3004", "every node it may run on has a taint that it does not tolerate"),
    (r"didn't match Pod's node affinity/selector|didn't match pod (anti-)?affinity", "FK-3005", "no node matches its selector or affinity"),
)  # fmt: skip

_PULL_PROBLEMS = (
    (r"not found|manifest unknown|does not exist|NotFound", "FK-4001", "does not exist"),
    (r"toomanyrequests|429|rate limit", "FK-4003", "is rate-limited by its registry"),
    (r"unauthorized|authorization failed|denied|403|401|no basic auth", "FK-4002", "is not handed out: credentials are missing or wrong"),
    (r"no match for platform|exec format", "FK-4004", "is for another platform"),
)  # fmt: skip


def pod_causes(pod: Obj, events: Sequence[Obj], component: str, nodes: Sequence[Obj] = ()) -> list[Cause]:
    """Everything that keeps this pod from being ready; nothing when it is ready or being deleted.

    `nodes`, where we may see them, tell a taint from a selector that matches nothing.
    """
    status, metadata = pod.get("status") or {}, pod.get("metadata") or {}
    if metadata.get("deletionTimestamp") or status.get("phase") == "Succeeded" or condition(pod, "Ready") == "True":
        return []
    mine = [e for e in events if _is_about(e, pod)]
    found: list[Cause] = []
    if status.get("reason") == "Evicted":
        found.append(_make("FK-5008", pod, component, f"evicted: {status.get('message', '')}"))
    elif status.get("reason") == "NodeLost":
        found.append(_make("FK-5009", pod, component, f"node {_node(pod)} is lost"))
    if condition(pod, "PodScheduled") == "False":
        found.append(_unschedulable(pod, component, nodes))
    for init, container in _containers(pod):
        found.extend(_container_causes(pod, container, mine, component, init=init))
    found.extend(_volume_causes(pod, mine, component))
    return found


def is_pulling(pod: Obj, events: Sequence[Obj]) -> bool:
    """True while a container image of this pod is on its way: last word of the kubelet is Pulling."""
    waiting = any(
        ((c.get("state") or {}).get("waiting") or {}).get("reason") in ("ContainerCreating", "PodInitializing") for _, c in _containers(pod)
    )  # fmt: skip
    words = [e for e in events if _is_about(e, pod) and e.get("reason") in ("Pulling", "Pulled", "Failed")]
    return waiting and bool(words) and max(words, key=_when).get("reason") == "Pulling"


def _make(
    id_: str,
    pod: Obj,
    component: str,
    what: str,
    *,
    container: str = "",
    evidence: tuple[str, ...] = (),
    kind: Kind | None = None,
) -> Cause:
    metadata = pod["metadata"]
    names = {"namespace": str(metadata.get("namespace", "")), "pod": str(metadata["name"])}
    if container:
        names["container"] = container
    return cause(
        id_, component, f"pod/{metadata['name']}", f"{component}: {what}", evidence=evidence, kind=kind, **names
    )


def _unschedulable(pod: Obj, component: str, nodes: Sequence[Obj]) -> Cause:
    message = next(
        (str(c.get("message") or "") for c in (pod.get("status") or {}).get("conditions") or [] if c.get("type") == "PodScheduled"), ""
    )  # fmt: skip
    selector = (pod.get("spec") or {}).get("nodeSelector") or {}
    selected = [n for n in nodes if selector.items() <= ((n.get("metadata") or {}).get("labels") or {}).items()]
    for pattern, id_, what in _UNSCHEDULABLE:
        if id_ == "FK-3004" and nodes and not selected:
            continue  # the tainted nodes do not match the selector, either
        if re.search(pattern, message):
            return _make(
                id_, pod, component, what + (_lost(pod, nodes) if id_ == "FK-3006" else ""), evidence=(message,)
            )
    return _make(
        "FK-3009", pod, component, "the scheduler finds no node for it", evidence=(message,) if message else ()
    )


def _lost(pod: Obj, nodes: Sequence[Obj]) -> str:
    """Which claims it is about, and which nodes are away: a volume of a lost node comes back with it, or never."""
    volumes = (pod.get("spec") or {}).get("volumes") or []
    claims = [str(v["persistentVolumeClaim"].get("claimName")) for v in volumes if v.get("persistentVolumeClaim")]
    away = [str(n["metadata"]["name"]) for n in nodes if condition(n, "Ready") not in {"True", ""}]
    text = f" (claim {', '.join(claims)})" if claims else ""
    return text + (f"; not ready, and perhaps the one that has it: node {', '.join(away)}" if away else "")


def _container_causes(pod: Obj, container: Obj, events: Sequence[Obj], component: str, *, init: bool) -> list[Cause]:
    name = str(container.get("name"))
    state = container.get("state") or {}
    waiting = state.get("waiting") or {}
    reason = waiting.get("reason") or ""
    if reason in _PULL_REASONS:
        return [_pull_cause(pod, container, str(reason), str(waiting.get("message") or ""), events, component)]
    if reason in _CONFIG_REASONS:
        message = str(waiting.get("message") or reason)
        return [_make("FK-1206", pod, component, f"container {name}: {message}", container=name, evidence=(message,))]
    if reason in _START_REASONS:
        message = str(waiting.get("message") or reason)
        id_ = "FK-4004" if "exec format" in message else "FK-5007"
        return [_make(id_, pod, component, f"container {name} cannot be started", container=name, evidence=(message,))]
    ended = state.get("terminated") or (container.get("lastState") or {}).get("terminated") or {}
    restarts = int(container.get("restartCount") or 0)
    if (
        ended
        and (ended.get("exitCode") or restarts)
        and not container.get("ready")
        and (restarts or reason == "CrashLoopBackOff")
    ):
        return [_crash_cause(pod, name, ended, restarts, component, init=init)]
    if "running" in state:
        return _running_causes(pod, container, events, component, init=init)
    return []


def _pull_cause(pod: Obj, container: Obj, reason: str, message: str, events: Sequence[Obj], component: str) -> Cause:
    name, image = str(container.get("name")), _spec_image(pod, container)
    if reason == "ErrImageNeverPull":
        return _make(
            "FK-4005", pod, component, f"image {image} is not on the node and may not be pulled", container=name
        )
    if reason == "InvalidImageName":
        return _make("FK-4006", pod, component, f"image name {image} is not valid", container=name, evidence=(message,))
    # ImagePullBackOff hides the registry's words; the kubelet's Failed event keeps them.
    said = [
        message,
        *(
            str(e.get("message"))
            for e in sorted(events, key=_when)
            if e.get("reason") == "Failed" and image in str(e.get("message"))
        ),
    ]
    for pattern, id_, what in _PULL_PROBLEMS:
        if line := next((s for s in said if re.search(pattern, s)), None):
            return _make(id_, pod, component, f"image {image} {what}", container=name, evidence=(line,))
    return _make("FK-4009", pod, component, f"image {image} cannot be pulled", container=name, evidence=(said[-1],))


def _crash_cause(pod: Obj, name: str, ended: Obj, restarts: int, component: str, *, init: bool) -> Cause:
    code, why = int(ended.get("exitCode") or 0), str(ended.get("reason") or "")
    how = f"signal {code - 128}" if code > 128 else f"exit code {code}"
    times = f", {restarts} restarts" if restarts else ""
    evidence = tuple(filter(None, (f"{why or 'Error'}: {how}{times}", str(ended.get("message") or ""))))
    kind: Kind | None = None if restarts >= CRASH_BUDGET else "curable"
    if why == "OOMKilled":
        return _make(
            "FK-5002",
            pod,
            component,
            f"container {name} was OOMKilled ({how}{times})",
            container=name,
            evidence=evidence,
            kind=kind,
        )
    id_ = "FK-5006" if init else "FK-5001"
    return _make(
        id_,
        pod,
        component,
        f"{'init ' if init else ''}container {name} crashes ({how}{times})",
        container=name,
        evidence=evidence,
        kind=kind,
    )


def _running_causes(pod: Obj, container: Obj, events: Sequence[Obj], component: str, *, init: bool) -> list[Cause]:
    name = str(container.get("name"))
    if init:
        if container.get("started") and container.get("ready"):
            return []  # a native sidecar that does its work
        return [_make("FK-5005", pod, component, f"init container {name} has not finished yet", container=name)]
    probe = max((e for e in events if e.get("reason") == "Unhealthy"), key=_when, default=None)
    if probe is not None and not container.get("ready"):
        message = str(probe.get("message") or "")
        id_ = "FK-5003" if message.startswith("Readiness") else "FK-5004"
        return [_make(id_, pod, component, _probe_text(pod, name, message), container=name, evidence=(message,))]
    return []


def _probe_text(pod: Obj, name: str, message: str) -> str:
    word = message.split(" ", 1)[0].lower() or "readiness"
    spec: Obj = next((c for c in (pod.get("spec") or {}).get("containers") or [] if c.get("name") == name), {})
    probe = spec.get(f"{word}Probe") or {}
    if "httpGet" in probe:
        what = f"GET {probe['httpGet'].get('path', '/')} on port {probe['httpGet'].get('port')}"
    elif "tcpSocket" in probe:
        what = f"TCP connect to port {probe['tcpSocket'].get('port')}"
    else:
        what = "its command"
    return f"the {word} probe of container {name} fails ({what})"


def _volume_causes(pod: Obj, events: Sequence[Obj], component: str) -> list[Cause]:
    for event in sorted(events, key=_when, reverse=True):
        message = str(event.get("message") or "")
        if event.get("reason") in ("FailedMount", "FailedAttachVolume"):
            if match := re.search(r'(secret|configmap) "([^"]+)" not found', message):
                id_ = "FK-1201" if match[1] == "secret" else "FK-1202"
                return [_make(id_, pod, component, f"{match[1]} {match[2]} does not exist", evidence=(message,))]
            return [_make("FK-5010", pod, component, "a volume cannot be mounted", evidence=(message,))]
    return []


def _containers(pod: Obj) -> list[tuple[bool, Obj]]:
    status = pod.get("status") or {}
    inits = [(True, c) for c in status.get("initContainerStatuses") or []]
    return inits + [(False, c) for c in status.get("containerStatuses") or []]


def _spec_image(pod: Obj, container: Obj) -> str:
    spec = pod.get("spec") or {}
    for each in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
        if each.get("name") == container.get("name"):
            return str(each.get("image"))
    return str(container.get("image"))


def condition(pod: Obj, kind: str) -> str:
    """The status (True, False, Unknown) of a pod's condition; "" when the pod does not have it."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return next((str(c.get("status")) for c in conditions if c.get("type") == kind), "")


def _node(pod: Obj) -> str:
    return str((pod.get("spec") or {}).get("nodeName") or "?")


def _is_about(event: Obj, pod: Obj) -> bool:
    about = event.get("involvedObject") or {}
    uid = (pod.get("metadata") or {}).get("uid")
    return bool(
        about.get("name") == pod["metadata"]["name"] and (not about.get("uid") or not uid or about["uid"] == uid)
    )


def _when(event: Obj) -> str:
    return str(
        event.get("lastTimestamp")
        or event.get("eventTime")
        or (event.get("metadata") or {}).get("creationTimestamp")
        or ""
    )
