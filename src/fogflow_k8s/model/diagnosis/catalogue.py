"""The catalogue of causes: stable ids, what each means, whether waiting can help, and what to do.

`summary` and `advice` are filled in with the concrete names where a cause is found (model/diagnosis/root_cause.py).
Families: 1xxx configuration, 2xxx tools and access, 3xxx capacity and placement, 4xxx images, 5xxx pods, 6xxx FogFlow
itself, 7xxx the release. An id is never given a second meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["fatal", "curable", "dependent"]


@dataclass(frozen=True)
class Entry:
    """One kind of trouble. `kind`: fatal = no waiting helps; curable = it may heal; dependent = another is to blame."""

    id: str
    kind: Kind
    title: str
    advice: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cause:
    """One trouble found, with the names filled in."""

    id: str
    kind: Kind
    component: str
    object: str
    summary: str
    evidence: tuple[str, ...] = field(default=())
    advice: tuple[str, ...] = field(default=())
    container: str = ""  # of the pod, when it is about one: its log may say more

    @property
    def docs(self) -> str:
        """Where the catalogue explains it."""
        return f"docs/errors.md#{self.id.lower()}"


_DESCRIBE = "kubectl -n {namespace} describe pod {pod}"
_LOGS = "kubectl -n {namespace} logs {pod} -c {container} --previous"

_NEW_ONE = "at the cloud, a new one: fogflow-k8s edge token create --site SITE --external-ip IP"

ENTRIES: dict[str, Entry] = {
    e.id: e
    for e in (
        Entry("FK-1201", "fatal", "a Secret that a pod needs does not exist",
              ("kubectl -n {namespace} create secret generic {name} --from-literal={key}=...",)),
        Entry("FK-1202", "fatal", "a ConfigMap that a pod needs does not exist",
              ("kubectl -n {namespace} create configmap {name} --from-file=...",)),
        Entry("FK-1203", "fatal", "a Secret or ConfigMap lacks a key that a pod needs",
              ("kubectl -n {namespace} describe {noun} {name}",)),
        Entry("FK-1204", "fatal", "a PersistentVolumeClaim that a pod mounts does not exist",
              ("kubectl -n {namespace} get persistentvolumeclaims",)),
        Entry("FK-1205", "fatal", "a class (storage, priority, ingress, runtime) that is asked for does not exist",
              ("kubectl get {plural}",)),
        Entry("FK-1206", "fatal", "the kubelet cannot make the container from its configuration", (_DESCRIBE,)),
        Entry("FK-1207", "fatal", "the ServiceAccount that a pod runs as does not exist",
              ("kubectl -n {namespace} get serviceaccounts",)),
        Entry("FK-3001", "curable", "no node has enough free CPU",
              ("kubectl describe nodes", "lower {component}'s resources.requests.cpu in your values, or add a node")),
        Entry("FK-3002", "curable", "no node has enough free memory",
              ("kubectl describe nodes", "lower {component}'s resources.requests.memory in your values, or add a node")),
        Entry("FK-3003", "curable", "the nodes are full: no pod slots left", ("kubectl get pods -A -o wide",)),
        Entry("FK-3004", "curable", "every node has a taint that the pod does not tolerate",
              ("kubectl get nodes -o custom-columns=NAME:.metadata.name,TAINTS:.spec.taints",
               "tolerate it: set global.tolerations in your values, or remove the taint: kubectl taint nodes NODE KEY-")),
        Entry("FK-3005", "curable", "no node matches the pod's node selector or affinity",
              ("kubectl get nodes --show-labels", "correct nodeSelector or affinity in your values")),
        Entry("FK-3006", "curable", "no node can give the pod its volume",
              ("kubectl -n {namespace} get persistentvolumeclaims", "kubectl -n {namespace} get events")),
        Entry("FK-3007", "curable", "the host port that the pod wants is taken on every node", (_DESCRIBE,)),
        Entry("FK-3008", "curable", "the cluster's autoscaler is adding a node for the pod", ("kubectl get nodes --watch",)),
        Entry("FK-3009", "curable", "the scheduler finds no node for the pod", (_DESCRIBE,)),
        Entry("FK-3010", "curable", "a ResourceQuota does not allow an object of the release",
              ("kubectl -n {namespace} describe resourcequota", "raise the quota, or lower the requests in your values")),
        Entry("FK-3011", "fatal", "admission refuses an object of the release",
              ("kubectl -n {namespace} get replicasets,events",
               "if it is Pod Security: kubectl get namespace {namespace} --show-labels")),
        Entry("FK-3012", "fatal", "a pod would fit on no node; found before anything was installed, and put right by you alone",
              ("kubectl describe nodes", "lower the component's resources.requests, correct its nodeSelector or affinity, tolerate the taint, or add a node")),
        Entry("FK-3013", "fatal", "a LimitRange does not allow an object of the release",
              ("kubectl -n {namespace} describe limitrange", "change {component}.resources in your values, or the LimitRange")),
        Entry("FK-3014", "curable", "an admission webhook that must be asked about an object of the release does not answer",
              ("kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",
               "repair the webhook's own pods, or remove its configuration if it is a leftover")),
        Entry("FK-4001", "fatal", "the image does not exist",
              ("check {component}.image in your values: is name and tag right, and pushed to that registry?",)),
        Entry("FK-4002", "fatal", "the registry refuses to hand out the image: credentials are missing or wrong",
              ("is its name right? Many registries say the same of an image that does not exist",
               "kubectl -n {namespace} create secret docker-registry NAME --docker-server=... --docker-username=...",
               "name it under global.imagePullSecrets in your values")),
        Entry("FK-4003", "curable", "the registry limits the rate of pulls", ("wait, or log in: global.imagePullSecrets",)),
        Entry("FK-4004", "fatal", "the image is for another platform than the node",
              ("kubectl get nodes -L kubernetes.io/arch", "use an image of that architecture: {component}.image")),
        Entry("FK-4005", "fatal", "the image is not on the node, and its pull policy is Never",
              ("load it on every node, or set {component}.image.pullPolicy to IfNotPresent",)),
        Entry("FK-4006", "fatal", "the image's name is not a valid reference", ("correct {component}.image in your values",)),
        Entry("FK-4009", "curable", "the image cannot be pulled", (_DESCRIBE,)),
        Entry("FK-4010", "fatal", "the node does not accept the certificate of the image's registry",
              ("let the nodes' container runtime trust the registry's authority (containerd: certs.d/HOST/hosts.toml)", _DESCRIBE)),
        Entry("FK-5001", "fatal", "the container crashes again and again", (_LOGS,)),
        Entry("FK-5002", "fatal", "the container is killed for using more memory than its limit",
              ("raise {component}.resources.limits.memory in your values", _LOGS)),
        Entry("FK-5003", "curable", "the pod runs, but its readiness probe fails",
              ("kubectl -n {namespace} logs {pod} -c {container}", _DESCRIBE)),
        Entry("FK-5004", "curable", "the startup or liveness probe fails", (_LOGS, _DESCRIBE)),
        Entry("FK-5005", "curable", "an init container does not finish",
              ("kubectl -n {namespace} logs {pod} -c {container}",)),
        Entry("FK-5006", "fatal", "an init container crashes again and again", (_LOGS,)),
        Entry("FK-5007", "fatal", "the container cannot be started", (_DESCRIBE,)),
        Entry("FK-5008", "curable", "the pod was evicted", (_DESCRIBE, "kubectl describe nodes")),
        Entry("FK-5009", "curable", "the pod's node is lost", ("kubectl get nodes",)),
        Entry("FK-5010", "curable", "a volume cannot be attached or mounted", (_DESCRIBE,)),
        Entry("FK-5011", "curable", "the pod is not ready, and says nothing of why", (_DESCRIBE,)),
        Entry("FK-5012", "curable", "an old pod does not end, and its successor waits for it",
              ("kubectl -n {namespace} get pod {pod} -o jsonpath='{{.metadata.finalizers}}'",
               "find out whose finalizer it is, and why it is not taken away")),
        Entry("FK-5013", "curable", "the node cannot set up the pod's sandbox or network",
              ("is the network plugin of node {node} well?  kubectl -n kube-system get pods -o wide", _DESCRIBE)),
        Entry("FK-5014", "curable", "the container is still starting, within the time that its startup probe allows",
              ("kubectl -n {namespace} logs {pod} -c {container}",)),
        Entry("FK-5015", "curable", "the kubelet ended the pod, or did not let it in", (_DESCRIBE, "kubectl describe node {node}")),
        Entry("FK-6001", "dependent", "it waits for a component that is not ready"),
        Entry("FK-6002", "curable", "the message bus does not answer",
              ("kubectl -n {namespace} logs deployment/rabbitmq --all-containers", "fogflow-k8s restart rabbitmq -n {namespace}")),
        Entry("FK-6003", "curable", "nobody consumes from the component's queue: it is deaf, and stays so until it is restarted",
              ("the keeper restarts it within a minute", "fogflow-k8s restart -n {namespace}")),
        Entry("FK-6004", "curable", "the master does not see the worker",
              ("the keeper restarts it within a minute", "fogflow-k8s restart -n {namespace}")),
        Entry("FK-6005", "curable", "discovery has lost its state, or does not answer",
              ("the keeper puts back what it knows", "fogflow-k8s logs keeper -n {namespace}")),
        Entry("FK-6006", "curable", "the broker is not registered, has lost its state, or does not answer",
              ("the keeper puts back what it knows", "fogflow-k8s logs keeper -n {namespace}")),
        Entry("FK-6007", "curable", "a part of FogFlow does not do its work", ("fogflow-k8s logs {component} -n {namespace}",)),
        Entry("FK-6008", "curable", "the keeper does not report: whether FogFlow works is not known",
              ("fogflow-k8s logs keeper -n {namespace}",)),
        Entry("FK-6009", "curable", "the master made no task of a function",
              ("fogflow-k8s verify -n {namespace}", "fogflow-k8s logs master -n {namespace}", "fogflow-k8s task stop {name} -n {namespace}")),
        Entry("FK-6010", "curable", "a task runs and publishes nothing",
              ("fogflow-k8s task logs {task} -n {namespace}", "fogflow-k8s task stop {name} -n {namespace}")),
        Entry("FK-6011", "fatal", "the task of a function failed",
              ("fogflow-k8s task list -o wide -n {namespace}", "fogflow-k8s task stop {name} -n {namespace}")),
        Entry("FK-6012", "curable", "the task of a function does not come up in time",
              ("fogflow-k8s task list -o wide -n {namespace}", "fogflow-k8s task stop {name} -n {namespace}")),
        Entry("FK-6013", "curable", "a function was removed, and its tasks are still there",
              ("fogflow-k8s task list -o wide -n {namespace}", "fogflow-k8s doctor -n {namespace}")),
        Entry("FK-6014", "curable", "a broker keeps subscriptions of tasks that do not exist, though the keeper tries to end them",
              ("fogflow-k8s restart {component} -n {namespace}   (what lives is restored, what does not is not)",
               "fogflow-k8s logs keeper -n {namespace}   (why they could not be ended)")),
        Entry("FK-6015", "curable", "a broker does not reach a subscriber, and its retries delay all others",
              ("is the subscriber at that address down, or behind a firewall or a NetworkPolicy?",
               "if it is gone for good, end its subscription at the broker: POST /ngsi10/unsubscribeContext")),
        Entry("FK-6101", "fatal", "the edge's token has expired", (_NEW_ONE,)),
        Entry("FK-6102", "fatal", "the edge's token is mistyped", ("copy the whole line again, from fke1. to its end", _NEW_ONE)),
        Entry("FK-6103", "fatal", "the edge's token is cut off", ("copy the whole line again, from fke1. to its end", _NEW_ONE)),
        Entry("FK-6104", "fatal", "the edge's token was used already, or was withdrawn", (_NEW_ONE,)),
        Entry("FK-6105", "curable", "a port of the cloud cannot be reached from the edge",
              ("open it from the edge's addresses: at the cloud, --set networkPolicy.edges.cidrs={{CIDR}}", "fogflow-k8s edge check")),
        Entry("FK-6106", "fatal", "the edge's clock and the cloud's differ", ("timedatectl set-ntp true",)),
        Entry("FK-6107", "fatal", "an edge with this site id is joined already", ("fogflow-k8s edge list", "fogflow-k8s edge remove SITE", _NEW_ONE)),
        Entry("FK-6108", "fatal", "the cloud does not let edges in",
              ("fogflow-k8s deploy --set expose.edge.type=externalIPs --set expose.edge.externalIPs={{IP}} --set networkPolicy.edges.cidrs={{CIDR}}",)),
        Entry("FK-6109", "curable", "the cloud does not reach the edge's broker", ("forward port 8060 to the edge, or join it through a VPN: docs/edge.md", "fogflow-k8s edge check")),
        Entry("FK-6110", "fatal", "the edge's token is of another version", ("install the version of fogflow-k8s that the cloud was given",)),
        Entry("FK-6111", "curable", "the edge is installed, and the cloud does not see all of it", ("fogflow-k8s edge check", "fogflow-k8s status")),
        Entry("FK-7001", "fatal", "Helm could not carry out the operation", ("fogflow-k8s history",)),
        Entry("FK-7003", "fatal", "the workload's rollout is paused: nothing new is rolled out",
              ("kubectl -n {namespace} rollout resume deployment/{component}",)),
        Entry("FK-7002", "fatal", "fields of the release are owned by somebody else",
              ("take them over: fogflow-k8s deploy --force-conflicts",)),
        Entry("FK-7004", "fatal", "an operation on the release died and left it in the middle",
              ("fogflow-k8s doctor --fix -n {namespace}", "or deploy again; if it was an uninstall: fogflow-k8s uninstall -n {namespace}")),
        Entry("FK-7005", "curable", "another operation is at work on the release", ("fogflow-k8s status --watch -n {namespace}",)),
        Entry("FK-7006", "fatal", "tasks are left whose worker is gone", ("fogflow-k8s doctor --fix -n {namespace}",)),
        Entry("FK-7007", "curable", "a namespace is being deleted, and something in it does not go",
              ("kubectl get namespace {name} -o yaml", "find out who set the finalizers, and why they are not taken away; to remove them by force may lose what they guard")),
        Entry("FK-7008", "fatal", "a volume claim of an earlier release is kept, and nothing uses it",
              ("kubectl -n {namespace} describe persistentvolumeclaim {name}",
               "if nobody needs the data: kubectl -n {namespace} delete persistentvolumeclaim {name}")),
        Entry("FK-7009", "fatal", "the RabbitMQ password was changed, and is not in force yet",
              ("fogflow-k8s deploy ... -n {namespace}   (with your settings: it restarts in order who has the password)",)),
        Entry("FK-7010", "fatal", "the RabbitMQ password is empty",
              ("kubectl -n {namespace} edit secret {name}", "then fogflow-k8s deploy ... -n {namespace}")),
        Entry("FK-7011", "fatal", "the release was changed by hand since its last revision",
              ("fogflow-k8s diff ... -n {namespace}", "fogflow-k8s deploy ... -n {namespace}   (with your settings: it puts them back)")),
        Entry("FK-7012", "fatal", "the release has no keeper: nobody looks into FogFlow, and nobody mends it",
              ("fogflow-k8s deploy ... --set keeper.enabled=true -n {namespace}",)),
        Entry("FK-7014", "fatal", "objects of the release's names are there already and belong to others",
              ("fogflow-k8s check -n {namespace}", "another namespace (-n NAME), or take them over: fogflow-k8s deploy ... --take-ownership")),
        Entry("FK-7015", "fatal", "upstream's worker cannot name its tasks by addresses of IPv6",
              ("kubectl -n default get service kubernetes", "fogflow-k8s deploy ... --set worker.engine=fogflow-k8s")),
        Entry("FK-7013", "curable", "the API server went away while the release was being changed",
              ("kubectl get --raw /readyz", "fogflow-k8s status -n {namespace}", "then the same command again")),
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
    """Fills placeholders that nobody knows with their own name in capitals, as manuals do."""

    def __missing__(self, key: str) -> str:
        return key.upper()
