"""What lies behind each id of the catalogue, in a few sentences: for `explain` and docs/errors.md."""

from __future__ import annotations

from fogflow_k8s.model.catalogue import ENTRIES

CLASSES = {
    "fatal": "no waiting helps. `deploy` stops waiting within seconds",
    "curable": "it may heal by itself. `deploy` goes on waiting until its deadline",
    "dependent": "another component is to blame. Mend that one; this one follows",
}

WHY: dict[str, str] = {
    "FK-1201": "A pod names a Secret, as a file, as a variable or for pulling its image, and there is none of that name in the pod's namespace. `deploy` finds this before anything is installed; later it is the kubelet that waits for it.",
    "FK-1202": "As FK-1201, with a ConfigMap.",
    "FK-1203": "The object is there, but not the key in it. Keys are case-sensitive; `rabbitmq.auth.existingSecret` wants the key `password`, `expose.basicAuth.existingSecret` the key `htpasswd`.",
    "FK-1204": "Claims of your own (`existingClaim`) must be there before the pod.",
    "FK-1205": "Classes are made by the cluster's administrator, and their names differ from cluster to cluster.",
    "FK-1206": "The kubelet has everything it needs and still cannot make a container of it: an image that would run as root, a device or a sub-path that is not there. The evidence has its words.",
    "FK-1207": "The account went after the workload was made, or `serviceAccount.create` is false and the one you named does not exist.",
    "FK-3001": "Requests count, not use: the scheduler adds up `resources.requests` of all pods on a node. `deploy` looks before it installs (FK-3012); this one means that the nodes have filled up since, or that the chart was installed by hand.",
    "FK-3002": "As FK-3001, with memory.",
    "FK-3003": "A kubelet takes 110 pods unless told otherwise, however small they are.",
    "FK-3004": "A taint keeps pods away that do not tolerate it. Nodes get taints by hand (control planes, dedicated nodes), and by Kubernetes when they are under pressure or lost.",
    "FK-3005": "No node has all the labels that `nodeSelector` or a required affinity asks for.",
    "FK-3006": "The claim is not bound, or its volume can be reached only from nodes that cannot take the pod. A volume on a node's own disk binds the pod to that node: while the node is lost, so is the data.",
    "FK-3007": "Only one pod of a node can have a host port.",
    "FK-3008": "The cluster autoscaler or Karpenter has said that it makes a node for this pod. That takes minutes; `deploy` goes on waiting and calls it progressing.",
    "FK-3009": "The scheduler's own words are in the evidence. Without any, the pod may name a scheduler that does not run.",
    "FK-3010": "The quota of the namespace counts pods, CPU or memory, and is used up; or it counts something for which the pod has no request, which Kubernetes then refuses. `check` compares beforehand.",
    "FK-3011": "Pod Security, a validating policy or a webhook said no, with its reason in the evidence. Our own pods pass Pod Security `restricted`, unless a value asks for the host (`configJson.hostPath`).",
    "FK-3012": "Found by packing the pods onto what the nodes have left, under the scheduler's own hard rules: resources, selectors, affinity, taints, host ports, volumes, spread. The reason of every node is in the evidence.",
    "FK-3013": "The LimitRange of the namespace sets bounds for each container, and one of ours is outside of them.",
    "FK-3014": "The API server must ask a webhook before it lets the pod in, and the webhook does not answer. Often its own pods are down, or its operator was removed and the configuration stayed behind.",
    "FK-4001": "The registry knows no such name or tag. The first deploy of a mistyped tag ends here after a few seconds.",
    "FK-4002": "Registries tell those who may not see an image that they are not authorized, whether it exists or not.",
    "FK-4003": "Docker Hub counts pulls by address: 100 in six hours without a login. The kubelet tries again with growing pauses.",
    "FK-4004": "Images are made for a processor. `images check` compares with the processors of your nodes.",
    "FK-4005": "With `pullPolicy: Never` the image must have been loaded on every node that may run the pod.",
    "FK-4006": "Lower case, no spaces; a tag after a colon, a digest after an @.",
    "FK-4009": "Network, certificates or name resolution on the node. The evidence has the kubelet's words.",
    "FK-5001": "It started and ended by itself more than once. What it wrote before its end is in the evidence. A component that needs another one which is down is not blamed for it.",
    "FK-5002": "Its processes together used more memory than `resources.limits.memory`, and the kernel ended one of them. RabbitMQ needs 512Mi, FogFlow's own parts are small.",
    "FK-5003": "Traffic reaches a pod only once its readiness probe passes. The summary says what is asked; the evidence, what came back.",
    "FK-5004": "The kubelet restarts a container whose liveness probe fails, or whose startup probe has failed for all the time it allows. That looks like a crash, and is none.",
    "FK-5005": "Init containers run one after the other before the others. FogFlow's gate waits for what the component needs: its log says for what.",
    "FK-5006": "As FK-5001, before the component itself. The gate ends when its configuration cannot be written.",
    "FK-5007": "The image is there, but what it is told to run is not, or may not be run.",
    "FK-5008": "The node ran short of memory or disk and ended pods, those first that use most beyond their requests. The controller makes a new one.",
    "FK-5009": "The node's kubelet has not reported for 40 s. Kubernetes keeps the pods of a lost node for `tolerationSeconds` (60 in this chart), in case it comes back.",
    "FK-5010": "Attaching or mounting fails again and again. A volume that only one node may have is often still attached to the one before.",
    "FK-5011": "Neither the pod's state nor an event says why. Describe it; look at the node it is on.",
    "FK-5012": "FogFlow's parts keep state in memory and run once, so a new pod waits until the old one has gone. A finalizer keeps it, and whoever set that must take it away.",
    "FK-5013": "Before a container there is the pod's network. The network plugin failed: no addresses left, its own pod down, its configuration missing on that node.",
    "FK-5014": "Not yet a failure: the startup probe may fail until the time given. The kubelet restarts the container only after that.",
    "FK-5015": "For want of a resource, because of a topology, or because the node was shut down. The reason is in the summary.",
    "FK-6001": "FogFlow's parts need each other in one order: RabbitMQ and discovery, broker, master, worker and designer. Only the first that fails is to blame.",
    "FK-6002": "The keeper gets no answer from RabbitMQ. While that is so nobody else is restarted: they all would fail again.",
    "FK-6003": "After RabbitMQ was away FogFlow's parts keep running and never listen again, with every probe content. The keeper counts consumers per queue and restarts who is deaf, in order.",
    "FK-6004": "A worker that its master does not list gets no tasks.",
    "FK-6005": "Discovery keeps everything in memory. The keeper has a copy of what it knew and puts it back.",
    "FK-6006": "The broker keeps entities and subscriptions in memory. The keeper has a copy and puts it back.",
    "FK-6007": "The keeper's words are in the summary.",
    "FK-6008": "Without the keeper's report nobody knows whether FogFlow works: ready pods are no proof.",
    "FK-6009": "The designer has the function and the broker the entity, so the master should have made a task of the two. It drops one for which no worker is listed or all are full, without a word to anybody and without trying again; and so it does with a function that it could not fetch.",
    "FK-6010": "The task's pod is ready, and no entity of its output has come to the broker in time. It has not been told of its input, does not publish under the identity that FogFlow gave it, or takes longer: its log may say which.",
    "FK-6011": "The summary says why. The function stays, so that it can be looked at; `task stop` removes it.",
    "FK-6012": "The summary says what it waits for. Nothing is removed: it may still come up, and `task list` shows when.",
    "FK-6013": "The designer told the master, and the master tells the worker, which removes them. It cannot when it is away, and a master that was restarted since knows nothing of earlier tasks.",
    "FK-7001": "Helm's own words are in the evidence.",
    "FK-7002": "Somebody else applied a field that the release sets, and the two differ: kubectl edit, another tool, an autoscaler. `diff` names who.",
    "FK-7003": "`kubectl rollout pause` was used on it, by hand or by a tool, and nobody resumed it.",
    "FK-7004": "Helm notes what it is about to do before it does it. Whoever is killed in between leaves the release pending (or uninstalling), and Helm refuses every upgrade. Going back to the last revision that worked makes it usable; nothing of the history is lost. `deploy` does the same.",
    "FK-7005": "Each operation holds the release's Lease and renews it every 5 s. While it does, nobody else touches the release; one that gave no sign of life for 15 s is dead, and is taken over from.",
    "FK-7006": "Upstream's worker takes its tasks along when it ends; those of engine fogflow-k8s go with its release. One that was killed together with its release, or lost its rights first, could not. Without a worker nobody ends them: they go on using the nodes and publishing.",
    "FK-7007": "Kubernetes removes a namespace when the last object in it has gone. The evidence has its own words, and the objects that finalizers hold. A finalizer is a promise that somebody cleans up first, so none is removed by us.",
    "FK-7008": "Volumes outlive a release so that its data does. This one belongs to no workload any more; a release that is deployed here again with persistence may take it up.",
    "FK-7009": "RabbitMQ and those who log in read the password when they start. Those that restart by chance now would be refused.",
    "FK-7010": "The key is there, and nothing is in it. RabbitMQ lets nobody in without a password.",
    "FK-7011": "Somebody edited, scaled or deleted objects of the release. The evidence says what, and who as far as Kubernetes knows; a deploy puts back what differs from your settings.",
    "FK-7012": "The values say `keeper.enabled: false`. Pods that are ready prove nothing about FogFlow; after a restart of RabbitMQ it stays deaf until somebody restarts it in order.",
}


def pages(id_: str) -> list[str]:
    """The paragraphs on one id: what it is, what lies behind it, what its class means; advice is the catalogue's."""
    entry = ENTRIES[id_]
    title = f"{entry.title[0].upper()}{entry.title[1:]}."
    return [title, WHY[id_], f"Class {entry.kind}: {CLASSES[entry.kind]}."]
