"""Why a container is not ready, from its status, its probes and the kubelet's messages.

The cases: the image cannot be pulled, the kubelet cannot create or start the container, it crashes, it runs and fails a probe, or
an init container has not finished.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fogflow_k8s.model.diagnosis.catalogue import Cause, Kind
from fogflow_k8s.model.diagnosis.events import last, message
from fogflow_k8s.model.diagnosis.pod_status import container_spec, pod_cause
from fogflow_k8s.model.diagnosis.probes import Probe, probe_of
from fogflow_k8s.model.kubernetes import Obj

CRASH_BUDGET = (
    1  # restarts before a crash counts as permanent: the first crash may be a race at the start, the second is not
)
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
_ABSENT = re.compile(r'(?P<noun>secret|configmap)s? "(?P<name>[^"]+)" not found')
_LACKS_KEY = re.compile(r"couldn't find key (?P<key>\S+) in (?P<noun>Secret|ConfigMap) (?:[^/\s]+/)?(?P<name>\S+)")


def container_causes(pod: Obj, container: Obj, events: Sequence[Obj], component: str, *, init: bool) -> list[Cause]:
    """The causes why this container is not ready; `events` are those about the pod, oldest first."""
    state = container.get("state") or {}
    waiting = state.get("waiting") or {}
    reason, words = str(waiting.get("reason") or ""), str(waiting.get("message") or "")
    if reason in _PULL_REASONS:
        return [_pull_cause(pod, container, reason, words, events, component)]
    if reason in _CONFIG_REASONS:
        return [config_cause(pod, component, words or reason, container=str(container.get("name")))]
    ended = state.get("terminated") or (container.get("lastState") or {}).get("terminated") or {}
    for why, text in ((reason, words), (str(ended.get("reason") or ""), str(ended.get("message") or ""))):
        if why in _START_REASONS:
            return [_start_cause(pod, container, text or why, component)]
    restarts = int(container.get("restartCount") or 0)
    again = restarts or reason == "CrashLoopBackOff"
    if ended and again and not container.get("ready"):
        return [_crash_cause(pod, container, ended, events, component, init=init)]
    if "running" in state:
        return _running_causes(pod, container, events, component, init=init)
    return []


def config_cause(pod: Obj, component: str, words: str, *, container: str = "", id_: str = "FK-1206") -> Cause:
    """The object or key that the kubelet needs to create a container or mount a volume; `id_` when its message names neither."""
    if found := _LACKS_KEY.search(words):
        noun, name, key = found["noun"].lower(), found["name"], found["key"]
        what = f"{noun} {name} has no key {key}"
        return pod_cause("FK-1203", pod, component, what, container=container, evidence=(words,), noun=noun, name=name, key=key)  # fmt: skip
    if found := _ABSENT.search(words):
        missing = "FK-1201" if found["noun"] == "secret" else "FK-1202"
        what = f"{found['noun']} {found['name']} does not exist"
        return pod_cause(missing, pod, component, what, container=container, evidence=(words,), name=found["name"])
    where = f"container {container}: {words}" if container else words
    return pod_cause(id_, pod, component, where, container=container, evidence=(words,))


def _start_cause(pod: Obj, container: Obj, words: str, component: str) -> Cause:
    id_ = "FK-4004" if "exec format" in words else "FK-5007"
    name = str(container.get("name"))
    return pod_cause(id_, pod, component, f"container {name} cannot be started", container=name, evidence=(words,))


def _pull_cause(pod: Obj, container: Obj, reason: str, words: str, events: Sequence[Obj], component: str) -> Cause:
    name = str(container.get("name"))
    image = str(container_spec(pod, name).get("image") or container.get("image"))
    if reason == "ErrImageNeverPull":
        what = f"image {image} is not on the node and may not be pulled"
        return pod_cause("FK-4005", pod, component, what, container=name, evidence=(words,) if words else ())
    if reason == "InvalidImageName":
        return pod_cause("FK-4006", pod, component, f"image name {image} is not valid", container=name, evidence=(words,))  # fmt: skip
    # ImagePullBackOff does not contain the registry's answer; the kubelet's Failed event does.
    failed = [message(e) for e in events if e.get("reason") == "Failed" and image in message(e)]
    lines = [words, *reversed(failed)]
    from fogflow_k8s.model.diagnosis import kubelet_messages  # its patterns take milliseconds to compile

    pulls = [(kubelet_messages.pull(line, image), line) for line in lines]
    trouble, line = next((each for each in pulls if each[0] != kubelet_messages.UNKNOWN), pulls[-1])
    what = f"image {image} {trouble.description}"
    return pod_cause(trouble.id, pod, component, what, container=name, evidence=(line,))


def _crash_cause(pod: Obj, container: Obj, ended: Obj, events: Sequence[Obj], component: str, *, init: bool) -> Cause:
    name, restarts = str(container.get("name")), int(container.get("restartCount") or 0)
    code, why = int(ended.get("exitCode") or 0), str(ended.get("reason") or "")
    times = f", {restarts} restarts" if restarts > 1 else ", 1 restart" if restarts else ""
    how = f"{_signal(code - 128)}{times}" if code > 128 else f"exit code {code}{times}"
    kind: Kind | None = None if restarts >= CRASH_BUDGET else "transient"
    evidence = tuple(filter(None, (f"{why or 'Error'}: {how}", str(ended.get("message") or "").strip())))
    killed = message(last(events, "Killing"))
    if why != "OOMKilled" and (probe := re.search(r"failed (liveness|startup) probe", killed)):
        words = message(last(events, "Unhealthy"))
        what = f"container {name} is restarted because {_fails(probe_of(pod, name, probe[1]))}{times}"
        return pod_cause("FK-5004", pod, component, what, container=name, evidence=tuple(filter(None, (words, killed))))
    if why == "OOMKilled":
        limit = ((container_spec(pod, name).get("resources") or {}).get("limits") or {}).get("memory")
        what = f"container {name} was OOMKilled ({how}{f'; its limit is {limit}' if limit else ''})"
        return pod_cause("FK-5002", pod, component, what, container=name, evidence=evidence, kind=kind)
    what = f"{'init ' if init else ''}container {name} crashes ({how})"
    return pod_cause(
        "FK-5006" if init else "FK-5001", pod, component, what, container=name, evidence=evidence, kind=kind
    )


def _signal(number: int) -> str:
    import signal

    try:
        return f"signal {number} {signal.Signals(number).name}"
    except ValueError:
        return f"signal {number}"


def _running_causes(pod: Obj, container: Obj, events: Sequence[Obj], component: str, *, init: bool) -> list[Cause]:
    name = str(container.get("name"))
    if init:
        if container.get("started") and container.get("ready"):
            return []  # a native sidecar that works
        return [pod_cause("FK-5005", pod, component, f"init container {name} has not finished yet", container=name)]
    words = message(last(events, "Unhealthy"))
    if not words or container.get("ready"):
        return []
    kind = words.split(" ", 1)[0].lower()
    probe = probe_of(pod, name, kind)
    if kind == "startup" and not container.get("restartCount") and not last(events, "Killing"):
        since = str(((container.get("state") or {}).get("running") or {}).get("startedAt") or "")
        until = f" until {end}" if (end := probe.until(since)) else ""
        what = f"container {name} is still starting: its startup probe ({probe}) may fail{until}"
        return [pod_cause("FK-5014", pod, component, what, container=name, evidence=(words,))]
    id_ = "FK-5003" if kind == "readiness" else "FK-5004"
    return [pod_cause(id_, pod, component, f"container {name} runs, but {_fails(probe)}", container=name, evidence=(words,))]  # fmt: skip


def _fails(probe: Probe) -> str:
    return f"its {probe.kind} probe fails ({probe})"
