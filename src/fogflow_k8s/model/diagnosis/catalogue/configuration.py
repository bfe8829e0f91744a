"""Causes FK-1xxx: the configuration names an object, a key or a class that is missing."""

from __future__ import annotations

from fogflow_k8s.model.diagnosis.catalogue.entry import DESCRIBE, Entry

ENTRIES = (
    Entry(
        "FK-1201",
        "permanent",
        "a Secret that a pod needs does not exist",
        explanation="A pod refers to a Secret, as a file, as a variable or for pulling its image, and the pod's namespace has no Secret of that name. `deploy` finds this before anything is installed; later, the kubelet waits for the Secret.",
        advice=("kubectl -n {namespace} create secret generic {name} --from-literal={key}=...",),
    ),
    Entry(
        "FK-1202",
        "permanent",
        "a ConfigMap that a pod needs does not exist",
        explanation="As FK-1201, but for a ConfigMap.",
        advice=("kubectl -n {namespace} create configmap {name} --from-file=...",),
    ),
    Entry(
        "FK-1203",
        "permanent",
        "a Secret or ConfigMap lacks a key that a pod needs",
        explanation="The object exists, but lacks the key. Keys are case-sensitive; `rabbitmq.auth.existingSecret` needs the key `password`, `expose.basicAuth.existingSecret` the key `htpasswd`.",
        advice=("kubectl -n {namespace} describe {noun} {name}",),
    ),
    Entry(
        "FK-1204",
        "permanent",
        "a PersistentVolumeClaim that a pod mounts does not exist",
        explanation="A claim of your own (`existingClaim`) must exist before the pod.",
        advice=("kubectl -n {namespace} get persistentvolumeclaims",),
    ),
    Entry(
        "FK-1205",
        "permanent",
        "a requested class (storage, priority, ingress, runtime) does not exist",
        explanation="The cluster's administrator creates classes, and their names differ from cluster to cluster.",
        advice=("kubectl get {plural}",),
    ),
    Entry(
        "FK-1206",
        "permanent",
        "the kubelet cannot create the container from its configuration",
        explanation="The kubelet has everything it needs and still cannot create the container: the image would run as root, or a device or a sub-path does not exist. The evidence contains the kubelet's message.",
        advice=(DESCRIBE,),
    ),
    Entry(
        "FK-1207",
        "permanent",
        "the ServiceAccount that a pod runs as does not exist",
        explanation="The ServiceAccount was deleted after the workload was created, or `serviceAccount.create` is false and the account that you named does not exist.",
        advice=("kubectl -n {namespace} get serviceaccounts",),
    ),
)
