"""The catalogue of causes: stable ids, what each means, whether waiting can help, and what to do.

The code that finds a cause fills `summary` and `advice` with the concrete names (model/diagnosis/root_cause.py).
Families: 1xxx configuration, 2xxx tools and access, 3xxx capacity and placement, 4xxx images, 5xxx pods, 6xxx FogFlow
itself, 7xxx the release. The meaning of an id never changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["permanent", "transient", "blocked"]


@dataclass(frozen=True)
class Entry:
    """One kind of problem. `kind`: permanent = waiting does not help; transient = it may resolve; blocked = another causes it."""

    id: str
    kind: Kind
    title: str
    advice: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cause:
    """One problem found, with the names filled in."""

    id: str
    kind: Kind
    component: str
    object: str
    summary: str
    evidence: tuple[str, ...] = field(default=())
    advice: tuple[str, ...] = field(default=())
    container: str = ""  # of the pod, when the cause is about one: its log may say more


_DESCRIBE = "kubectl -n {namespace} describe pod {pod}"
_LOGS = "kubectl -n {namespace} logs {pod} -c {container} --previous"

_NEW_ONE = "create a new token at the cloud: fogflow-k8s edge token create --site SITE --external-ip IP"

ENTRIES: dict[str, Entry] = {
    e.id: e
    for e in (
        Entry("FK-1201", "permanent", "a Secret that a pod needs does not exist",
              ("kubectl -n {namespace} create secret generic {name} --from-literal={key}=...",)),
        Entry("FK-1202", "permanent", "a ConfigMap that a pod needs does not exist",
              ("kubectl -n {namespace} create configmap {name} --from-file=...",)),
        Entry("FK-1203", "permanent", "a Secret or ConfigMap lacks a key that a pod needs",
              ("kubectl -n {namespace} describe {noun} {name}",)),
        Entry("FK-1204", "permanent", "a PersistentVolumeClaim that a pod mounts does not exist",
              ("kubectl -n {namespace} get persistentvolumeclaims",)),
        Entry("FK-1205", "permanent", "a requested class (storage, priority, ingress, runtime) does not exist",
              ("kubectl get {plural}",)),
        Entry("FK-1206", "permanent", "the kubelet cannot create the container from its configuration", (_DESCRIBE,)),
        Entry("FK-1207", "permanent", "the ServiceAccount that a pod runs as does not exist",
              ("kubectl -n {namespace} get serviceaccounts",)),
        Entry("FK-3001", "transient", "no node has enough free CPU",
              ("kubectl describe nodes", "lower {component}'s resources.requests.cpu in your values, or add a node")),
        Entry("FK-3002", "transient", "no node has enough free memory",
              ("kubectl describe nodes", "lower {component}'s resources.requests.memory in your values, or add a node")),
        Entry("FK-3003", "transient", "every node already runs its maximum number of pods", ("kubectl get pods -A -o wide",)),
        Entry("FK-3004", "transient", "every node has a taint that the pod does not tolerate",
              ("kubectl get nodes -o custom-columns=NAME:.metadata.name,TAINTS:.spec.taints",
               "tolerate it: set global.tolerations in your values, or remove the taint: kubectl taint nodes NODE KEY-")),
        Entry("FK-3005", "transient", "no node matches the pod's node selector or affinity",
              ("kubectl get nodes --show-labels", "correct nodeSelector or affinity in your values")),
        Entry("FK-3006", "transient", "no node can give the pod its volume",
              ("kubectl -n {namespace} get persistentvolumeclaims", "kubectl -n {namespace} get events")),
        Entry("FK-3007", "transient", "the host port of the pod is in use on every node", (_DESCRIBE,)),
        Entry("FK-3008", "transient", "the cluster's autoscaler is adding a node for the pod", ("kubectl get nodes --watch",)),
        Entry("FK-3009", "transient", "the scheduler finds no node for the pod", (_DESCRIBE,)),
        Entry("FK-3010", "transient", "a ResourceQuota does not allow an object of the release",
              ("kubectl -n {namespace} describe resourcequota", "raise the quota, or lower the requests in your values")),
        Entry("FK-3011", "permanent", "admission control rejects an object of the release",
              ("kubectl -n {namespace} get replicasets,events",
               "if it is Pod Security: kubectl get namespace {namespace} --show-labels")),
        Entry("FK-3012", "permanent", "a pod does not fit on any node; found before anything was installed, and only you can resolve it",
              ("kubectl describe nodes", "lower the component's resources.requests, correct its nodeSelector or affinity, tolerate the taint, or add a node")),
        Entry("FK-3013", "permanent", "a LimitRange does not allow an object of the release",
              ("kubectl -n {namespace} describe limitrange", "change {component}.resources in your values, or the LimitRange")),
        Entry("FK-3014", "transient", "an admission webhook that must approve an object of the release does not answer",
              ("kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",
               "repair the webhook's own pods, or remove its configuration if it is a leftover")),
        Entry("FK-4001", "permanent", "the image does not exist",
              ("check {component}.image in your values (name and tag), and that it was pushed to that registry",)),
        Entry("FK-4002", "permanent", "the registry denies access to the image: credentials are missing or wrong",
              ("check the name of the image: many registries give the same answer for an image that does not exist",
               "kubectl -n {namespace} create secret docker-registry NAME --docker-server=... --docker-username=...",
               "name it under global.imagePullSecrets in your values")),
        Entry("FK-4003", "transient", "the registry limits the rate of pulls", ("wait, or log in: global.imagePullSecrets",)),
        Entry("FK-4004", "permanent", "the image is for another platform than the node",
              ("kubectl get nodes -L kubernetes.io/arch", "use an image of that architecture: {component}.image")),
        Entry("FK-4005", "permanent", "the image is not on the node, and its pull policy is Never",
              ("load it on every node, or set {component}.image.pullPolicy to IfNotPresent",)),
        Entry("FK-4006", "permanent", "the image's name is not a valid reference", ("correct {component}.image in your values",)),
        Entry("FK-4009", "transient", "the image cannot be pulled", (_DESCRIBE,)),
        Entry("FK-4010", "permanent", "the node does not accept the certificate of the image's registry",
              ("make the nodes' container runtime trust the registry's authority (containerd: certs.d/HOST/hosts.toml)", _DESCRIBE)),
        Entry("FK-5001", "permanent", "the container crashes repeatedly", (_LOGS,)),
        Entry("FK-5002", "permanent", "the container is killed for using more memory than its limit",
              ("raise {component}.resources.limits.memory in your values", _LOGS)),
        Entry("FK-5003", "transient", "the pod runs, but its readiness probe fails",
              ("kubectl -n {namespace} logs {pod} -c {container}", _DESCRIBE)),
        Entry("FK-5004", "transient", "the startup or liveness probe fails", (_LOGS, _DESCRIBE)),
        Entry("FK-5005", "transient", "an init container does not finish",
              ("kubectl -n {namespace} logs {pod} -c {container}",)),
        Entry("FK-5006", "permanent", "an init container crashes repeatedly", (_LOGS,)),
        Entry("FK-5007", "permanent", "the container cannot be started", (_DESCRIBE,)),
        Entry("FK-5008", "transient", "the pod was evicted", (_DESCRIBE, "kubectl describe nodes")),
        Entry("FK-5009", "transient", "the pod's node is lost", ("kubectl get nodes",)),
        Entry("FK-5010", "transient", "a volume cannot be attached or mounted", (_DESCRIBE,)),
        Entry("FK-5011", "transient", "the pod is not ready, and neither its status nor an event says why", (_DESCRIBE,)),
        Entry("FK-5012", "transient", "an old pod does not terminate, and its successor waits for it",
              ("kubectl -n {namespace} get pod {pod} -o jsonpath='{{.metadata.finalizers}}'",
               "find out which controller set the finalizer, and why it does not remove it")),
        Entry("FK-5013", "transient", "the node cannot set up the pod's sandbox or network",
              ("check the network plugin of node {node}: kubectl -n kube-system get pods -o wide", _DESCRIBE)),
        Entry("FK-5014", "transient", "the container is still starting, within the time that its startup probe allows",
              ("kubectl -n {namespace} logs {pod} -c {container}",)),
        Entry("FK-5015", "transient", "the kubelet ended the pod, or did not admit it", (_DESCRIBE, "kubectl describe node {node}")),
        Entry("FK-6001", "blocked", "the component waits for another component that is not ready"),
        Entry("FK-6002", "transient", "RabbitMQ does not answer",
              ("kubectl -n {namespace} logs deployment/rabbitmq --all-containers", "fogflow-k8s restart rabbitmq -n {namespace}")),
        Entry("FK-6003", "transient", "the component has no consumer on its RabbitMQ queue and will not reconnect until it is restarted",
              ("the keeper restarts it within a minute", "fogflow-k8s restart -n {namespace}")),
        Entry("FK-6004", "transient", "the master does not see the worker",
              ("the keeper restarts it within a minute", "fogflow-k8s restart -n {namespace}")),
        Entry("FK-6005", "transient", "discovery has lost its state, or does not answer",
              ("the keeper restores the state from its copy", "fogflow-k8s logs keeper -n {namespace}")),
        Entry("FK-6006", "transient", "the broker is not registered, has lost its state, or does not answer",
              ("the keeper restores the state from its copy", "fogflow-k8s logs keeper -n {namespace}")),
        Entry("FK-6007", "transient", "a component of FogFlow does not work", ("fogflow-k8s logs {component} -n {namespace}",)),
        Entry("FK-6008", "transient", "the keeper publishes no current health report, so it is unknown whether FogFlow works",
              ("fogflow-k8s logs keeper -n {namespace}",)),
        Entry("FK-6009", "transient", "the master created no task for a function",
              ("fogflow-k8s verify -n {namespace}", "fogflow-k8s logs master -n {namespace}", "fogflow-k8s task stop {name} -n {namespace}")),
        Entry("FK-6010", "transient", "a task runs but publishes nothing",
              ("fogflow-k8s task logs {task} -n {namespace}", "fogflow-k8s task stop {name} -n {namespace}")),
        Entry("FK-6011", "permanent", "the task of a function failed",
              ("fogflow-k8s task list -o wide -n {namespace}", "fogflow-k8s task stop {name} -n {namespace}")),
        Entry("FK-6012", "transient", "the task of a function does not become ready in time",
              ("fogflow-k8s task list -o wide -n {namespace}", "fogflow-k8s task stop {name} -n {namespace}")),
        Entry("FK-6013", "transient", "a function was removed, but its tasks still exist",
              ("fogflow-k8s task list -o wide -n {namespace}", "fogflow-k8s doctor -n {namespace}")),
        Entry("FK-6014", "transient", "a broker keeps subscriptions of tasks that do not exist, although the keeper tries to end them",
              ("fogflow-k8s restart {component} -n {namespace}   (live subscriptions are restored, the others are not)",
               "fogflow-k8s logs keeper -n {namespace}   (why the keeper could not end them)")),
        Entry("FK-6015", "transient", "a broker cannot reach a subscriber, and the retries delay all other retries",
              ("check whether the subscriber at that address is down, or behind a firewall or a NetworkPolicy",
               "if it is gone permanently, end its subscription at the broker: POST /ngsi10/unsubscribeContext")),
        Entry("FK-6101", "permanent", "the edge's token has expired", (_NEW_ONE,)),
        Entry("FK-6102", "permanent", "the edge's token is mistyped", ("copy the whole line again, from fke1. to its end", _NEW_ONE)),
        Entry("FK-6103", "permanent", "the edge's token is cut off", ("copy the whole line again, from fke1. to its end", _NEW_ONE)),
        Entry("FK-6104", "permanent", "the edge's token was already used, or was withdrawn", (_NEW_ONE,)),
        Entry("FK-6105", "transient", "a port of the cloud cannot be reached from the edge",
              ("open it from the edge's addresses: at the cloud, --set networkPolicy.edges.cidrs={{CIDR}}", "fogflow-k8s edge check")),
        Entry("FK-6106", "permanent", "the clocks of the edge and the cloud differ", ("timedatectl set-ntp true",)),
        Entry("FK-6107", "permanent", "an edge with this site id has already joined", ("fogflow-k8s edge list", "fogflow-k8s edge remove SITE", _NEW_ONE)),
        Entry("FK-6108", "permanent", "the cloud does not accept connections from edges",
              ("fogflow-k8s deploy --set expose.edge.type=externalIPs --set expose.edge.externalIPs={{IP}} --set networkPolicy.edges.cidrs={{CIDR}}",)),
        Entry("FK-6109", "transient", "the cloud cannot reach the edge's broker", ("forward port 8060 to the edge, or join it through a VPN: docs/edge.md", "fogflow-k8s edge check")),
        Entry("FK-6110", "permanent", "the edge's token has another version", ("install the version of fogflow-k8s that installed the cloud",)),
        Entry("FK-6111", "transient", "the edge is installed, but the cloud does not see both its broker and its worker", ("fogflow-k8s edge check", "fogflow-k8s status")),
        Entry("FK-7001", "permanent", "Helm could not complete the operation", ("fogflow-k8s history",)),
        Entry("FK-7003", "permanent", "the workload's rollout is paused: no change is rolled out",
              ("kubectl -n {namespace} rollout resume deployment/{component}",)),
        Entry("FK-7002", "permanent", "fields of the release are owned by another field manager",
              ("take them over: fogflow-k8s deploy --force-conflicts",)),
        Entry("FK-7004", "permanent", "an operation on the release was interrupted and left it unfinished",
              ("fogflow-k8s doctor --fix -n {namespace}", "or deploy again; if it was an uninstall: fogflow-k8s uninstall -n {namespace}")),
        Entry("FK-7005", "transient", "another operation is running on the release", ("fogflow-k8s status --watch -n {namespace}",)),
        Entry("FK-7006", "permanent", "tasks remain whose worker no longer exists", ("fogflow-k8s doctor --fix -n {namespace}",)),
        Entry("FK-7007", "transient", "a namespace is being deleted, but objects in it are not removed",
              ("kubectl get namespace {name} -o yaml", "find out which controllers set the finalizers, and why they do not remove them; removing a finalizer by force may lose what it protects")),
        Entry("FK-7008", "permanent", "a volume claim of an earlier release is kept, but nothing uses it",
              ("kubectl -n {namespace} describe persistentvolumeclaim {name}",
               "if the data is no longer needed: kubectl -n {namespace} delete persistentvolumeclaim {name}")),
        Entry("FK-7009", "permanent", "the RabbitMQ password was changed, but is not in effect yet",
              ("fogflow-k8s deploy ... -n {namespace}   (with your settings: it restarts the components that use the password, in order)",)),
        Entry("FK-7010", "permanent", "the RabbitMQ password is empty",
              ("kubectl -n {namespace} edit secret {name}", "then fogflow-k8s deploy ... -n {namespace}")),
        Entry("FK-7011", "permanent", "the release was changed by hand since its last revision",
              ("fogflow-k8s diff ... -n {namespace}", "fogflow-k8s deploy ... -n {namespace}   (with your settings: it restores them)")),
        Entry("FK-7012", "permanent", "the release has no keeper: FogFlow is neither monitored nor repaired",
              ("fogflow-k8s deploy ... --set keeper.enabled=true -n {namespace}",)),
        Entry("FK-7014", "permanent", "objects with the names of the release's objects already exist and belong to others",
              ("fogflow-k8s check -n {namespace}", "use another namespace (-n NAME), or take them over: fogflow-k8s deploy ... --take-ownership")),
        Entry("FK-7015", "permanent", "the upstream worker cannot build the URLs of its tasks from IPv6 addresses",
              ("kubectl -n default get service kubernetes", "fogflow-k8s deploy ... --set worker.implementation=native")),
        Entry("FK-7013", "transient", "the API server stopped answering while the release was being changed",
              ("kubectl get --raw /readyz", "fogflow-k8s status -n {namespace}", "then run the same command again")),
    )
}  # fmt: skip


def cause(
    id_: str,
    component: str,
    obj: str,
    summary: str,
    *,
    evidence: tuple[str, ...] = (),
    kind: Kind | None = None,
    container: str = "",
    **names: str,
) -> Cause:
    """The catalogue's entry `id_` as found on `obj`; `names` fill the advice's placeholders."""
    entry = ENTRIES[id_]
    filled = {"component": component, "key": "KEY", **({"container": container} if container else {}), **names}
    advice = tuple(line.format_map(_Names(filled)) for line in entry.advice)
    return Cause(id_, kind or entry.kind, component, obj, summary, evidence, advice, container)


class _Names(dict[str, str]):
    """Replaces a placeholder without a value by its own name in capitals, as manuals do."""

    def __missing__(self, key: str) -> str:
        return key.upper()
