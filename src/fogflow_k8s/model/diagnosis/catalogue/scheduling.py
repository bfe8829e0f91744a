"""Causes FK-3xxx: capacity, placement and admission: a pod fits on no node, or Kubernetes does not accept an object."""

from __future__ import annotations

from fogflow_k8s.model.diagnosis.catalogue.entry import DESCRIBE, Entry

ENTRIES = (
    Entry(
        "FK-3001",
        "transient",
        "no node has enough free CPU",
        explanation="The scheduler counts requests, not actual use: it adds up `resources.requests` of all pods on a node. `deploy` checks this before it installs (FK-3012); this id means that the nodes have filled up since, or that the chart was installed by hand.",
        advice=(
            "kubectl describe nodes",
            "lower {component}'s resources.requests.cpu in your values, or add a node",
        ),
    ),
    Entry(
        "FK-3002",
        "transient",
        "no node has enough free memory",
        explanation="As FK-3001, but for memory.",
        advice=(
            "kubectl describe nodes",
            "lower {component}'s resources.requests.memory in your values, or add a node",
        ),
    ),
    Entry(
        "FK-3003",
        "transient",
        "every node already runs its maximum number of pods",
        explanation="A kubelet runs at most 110 pods by default, however small they are.",
        advice=("kubectl get pods -A -o wide",),
    ),
    Entry(
        "FK-3004",
        "transient",
        "every node has a taint that the pod does not tolerate",
        explanation="A taint keeps pods away that do not tolerate it. Administrators add taints to nodes (control planes, dedicated nodes), and Kubernetes adds them when a node is under pressure or lost.",
        advice=(
            "kubectl get nodes -o custom-columns=NAME:.metadata.name,TAINTS:.spec.taints",
            "tolerate it: set global.tolerations in your values, or remove the taint: kubectl taint nodes NODE KEY-",
        ),
    ),
    Entry(
        "FK-3005",
        "transient",
        "no node matches the pod's node selector or affinity",
        explanation="No node has all the labels that `nodeSelector` or a required affinity demands.",
        advice=(
            "kubectl get nodes --show-labels",
            "correct nodeSelector or affinity in your values",
        ),
    ),
    Entry(
        "FK-3006",
        "transient",
        "no node can give the pod its volume",
        explanation="The claim is not bound, or its volume can be reached only from nodes that cannot run the pod. A volume on a node's own disk binds the pod to that node: while the node is lost, the data is unavailable, too.",
        advice=(
            "kubectl -n {namespace} get persistentvolumeclaims",
            "kubectl -n {namespace} get events",
        ),
    ),
    Entry(
        "FK-3007",
        "transient",
        "the host port of the pod is in use on every node",
        explanation="Only one pod per node can use a host port.",
        advice=(DESCRIBE,),
    ),
    Entry(
        "FK-3008",
        "transient",
        "the cluster's autoscaler is adding a node for the pod",
        explanation="The cluster autoscaler or Karpenter has announced a new node for this pod. That takes minutes; `deploy` continues to wait and reports the rollout as progressing.",
        advice=("kubectl get nodes --watch",),
    ),
    Entry(
        "FK-3009",
        "transient",
        "the scheduler finds no node for the pod",
        explanation="The evidence contains the scheduler's message. If it is empty, the pod may name a scheduler that is not running.",
        advice=(DESCRIBE,),
    ),
    Entry(
        "FK-3010",
        "transient",
        "a ResourceQuota does not allow an object of the release",
        explanation="The quota of the namespace counts objects (pods, Services, Secrets), CPU, memory or storage, and is used up; or it counts a resource for which a pod has no request, and Kubernetes then rejects the pod. The evidence names the object. `check` makes this comparison beforehand.",
        advice=(
            "kubectl -n {namespace} describe resourcequota",
            "raise the quota, or lower the requests in your values",
        ),
    ),
    Entry(
        "FK-3011",
        "permanent",
        "admission control rejects an object of the release",
        explanation="Pod Security, a validating policy or a webhook rejects an object: a pod, or any other object, such as a Service, a Deployment or a hook's Job. The evidence contains the reason. The chart's own pods pass Pod Security `restricted`, unless a value requires access to the host (`configJson.hostPath`).",
        advice=(
            "kubectl -n {namespace} get replicasets,events",
            "if it is Pod Security: kubectl get namespace {namespace} --show-labels",
        ),
    ),
    Entry(
        "FK-3012",
        "permanent",
        "a pod does not fit on any node; found before anything was installed, and only you can resolve it",
        explanation="The tool packs the pods onto the free capacity of the nodes, under the scheduler's own hard rules: resources, selectors, affinity, taints, host ports, volumes, spread. The evidence contains the reason for every node.",
        advice=(
            "kubectl describe nodes",
            "lower the component's resources.requests, correct its nodeSelector or affinity, tolerate the taint, or add a node",
        ),
    ),
    Entry(
        "FK-3013",
        "permanent",
        "a LimitRange does not allow an object of the release",
        explanation="The LimitRange of the namespace sets bounds for each container, pod and volume claim, and one of the release's is outside these bounds.",
        advice=(
            "kubectl -n {namespace} describe limitrange",
            "change {component}.resources in your values, or the LimitRange",
        ),
    ),
    Entry(
        "FK-3014",
        "transient",
        "an admission webhook that must approve an object of the release does not answer",
        explanation="The API server must call a webhook before it accepts the object, and the webhook does not answer. Often the webhook's own pods are down, or its operator was removed but its configuration was not.",
        advice=(
            "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",
            "repair the webhook's own pods, or remove its configuration if it is a leftover",
        ),
    ),
)
