"""Causes FK-7xxx: the state of the Helm release, its namespace, its password and what it left behind."""

from __future__ import annotations

from fogflow_k8s.model.diagnosis.catalogue.entry import Entry

ENTRIES = (
    Entry(
        "FK-7001",
        "permanent",
        "Helm could not complete the operation",
        explanation="The evidence contains Helm's error message.",
        advice=("fogflow-k8s history",),
    ),
    Entry(
        "FK-7002",
        "permanent",
        "fields of the release are owned by another field manager",
        explanation="A user, a tool or an autoscaler applied a field that the release sets, with another value, for example with kubectl edit. `diff` names the owner.",
        advice=("take them over: fogflow-k8s deploy --force-conflicts",),
    ),
    Entry(
        "FK-7003",
        "permanent",
        "the workload's rollout is paused: no change is rolled out",
        explanation="A user or a tool ran `kubectl rollout pause` on the workload, and the rollout was not resumed.",
        advice=("kubectl -n {namespace} rollout resume deployment/{component}",),
    ),
    Entry(
        "FK-7004",
        "permanent",
        "an operation on the release was interrupted and left it unfinished",
        explanation="Helm records what it is about to do before it does it. If the process is killed in between, the release stays pending (or uninstalling), and Helm refuses every upgrade. A rollback to the last revision that worked makes the release usable again and keeps its whole history. `deploy` does the same.",
        advice=(
            "fogflow-k8s doctor --fix -n {namespace}",
            "or deploy again; if it was an uninstall: fogflow-k8s uninstall -n {namespace}",
        ),
    ),
    Entry(
        "FK-7005",
        "transient",
        "another operation is running on the release",
        explanation="Each operation holds the release's Lease and renews it every 3 s. While it does, no other operation changes the release. An operation that has not renewed the Lease for 15 s is considered dead, and another one may take over.",
        advice=("fogflow-k8s status --watch -n {namespace}",),
    ),
    Entry(
        "FK-7006",
        "permanent",
        "tasks remain whose worker no longer exists",
        explanation="The upstream worker removes its tasks when it ends; the tasks of the native worker (`worker.implementation: native`) are removed with its release. A worker that was killed together with its release, or that lost its RBAC permissions first, could not remove them; nor could the hook of `helm uninstall`, when its pod did not start and `--no-hooks` skipped it. Without a worker, nothing ends these tasks: they continue to use the nodes and to publish.",
        advice=("fogflow-k8s doctor --fix -n {namespace}",),
    ),
    Entry(
        "FK-7007",
        "transient",
        "a namespace is being deleted, but objects in it are not removed",
        explanation="Kubernetes removes a namespace when the last object in it is gone. The evidence contains the conditions of the namespace, and the objects that finalizers hold. A finalizer means that a controller must clean up first, so this tool does not remove any.",
        advice=(
            "kubectl get namespace {name} -o yaml",
            "find out which controllers set the finalizers, and why they do not remove them; removing a finalizer by force may lose what it protects",
        ),
    ),
    Entry(
        "FK-7008",
        "permanent",
        "a volume claim of an earlier release is kept, but nothing uses it",
        explanation="A volume claim is kept after its release so that the data is not lost. This claim belongs to no workload any more; a release that is deployed here again with persistence may use it again.",
        advice=(
            "kubectl -n {namespace} describe persistentvolumeclaim {name}",
            "if the data is no longer needed: kubectl -n {namespace} delete persistentvolumeclaim {name}",
        ),
    ),
    Entry(
        "FK-7009",
        "permanent",
        "the RabbitMQ password was changed, but is not in effect yet",
        explanation="RabbitMQ and the components that log in to it read the password when they start. A component that happens to restart now would be refused.",
        advice=(
            "fogflow-k8s deploy ... -n {namespace}   (with your settings: it restarts the components that use the password, in order)",
        ),
    ),
    Entry(
        "FK-7010",
        "permanent",
        "the RabbitMQ password is empty",
        explanation="The Secret has the key, but its value is empty. RabbitMQ accepts no login without a password.",
        advice=(
            "kubectl -n {namespace} edit secret {name}",
            "then fogflow-k8s deploy ... -n {namespace}",
        ),
    ),
    Entry(
        "FK-7011",
        "permanent",
        "the release was changed by hand since its last revision",
        explanation="Objects of the release were edited, scaled or deleted by hand. The evidence says what was changed, and by whom as far as Kubernetes knows; a deploy restores what differs from your settings.",
        advice=(
            "fogflow-k8s diff ... -n {namespace}",
            "fogflow-k8s deploy ... -n {namespace}   (with your settings: it restores them)",
        ),
    ),
    Entry(
        "FK-7012",
        "permanent",
        "the release has no keeper: FogFlow is neither monitored nor repaired",
        explanation="The values contain `keeper.enabled: false`. Ready pods do not prove that FogFlow works; after a restart of RabbitMQ, its components stay disconnected until they are restarted in order.",
        advice=("fogflow-k8s deploy ... --set keeper.enabled=true -n {namespace}",),
    ),
    Entry(
        "FK-7013",
        "transient",
        "the API server stopped answering while the release was being changed",
        explanation="Requests were no longer answered while Helm was running or while the command waited for the result. The change was rolled back when the API server answered again; if the server did not answer in time, run `fogflow-k8s rollback` once it does.",
        advice=(
            "kubectl get --raw /readyz",
            "fogflow-k8s status -n {namespace}",
            "then run the same command again",
        ),
    ),
    Entry(
        "FK-7014",
        "permanent",
        "objects with the names of the release's objects already exist and belong to others",
        explanation="Another tool created them: kubectl, Argo CD, Flux, another Helm release, or the upstream chart. Helm would fail halfway, or upgrade objects that do not belong to this chart. `--take-ownership` takes them over, except where Kubernetes never allows a change, such as the selector of a Deployment; a tool that continues to apply its own version would take over the objects again.",
        advice=(
            "fogflow-k8s check -n {namespace}",
            "use another namespace (-n NAME), or take them over: fogflow-k8s deploy ... --take-ownership",
        ),
    ),
    Entry(
        "FK-7015",
        "permanent",
        "the upstream worker cannot build the URLs of its tasks from IPv6 addresses",
        explanation="Brokers call a task at its Service's address. The upstream worker writes `http://ADDRESS:PORT` without the brackets that an IPv6 address needs, so no broker can call the task. The native worker (`worker.implementation: native`) uses the names of its tasks' Services instead. In a cluster with both address families, the first family of the Service `kubernetes` counts.",
        advice=(
            "kubectl -n default get service kubernetes",
            "fogflow-k8s deploy ... --set worker.implementation=native,worker.nativeImage.registry=REGISTRY",
        ),
    ),
    Entry(
        "FK-7016",
        "permanent",
        "objects of FogFlow exist that Helm did not install",
        explanation="They were applied with kubectl, for example from the output of `fogflow-k8s render`, or by a GitOps tool. Without a release of Helm, `status`, `rollback` and `uninstall` have no revision to work with. Remove the objects with the file that was applied, or let a deploy take them over into a release.",
        advice=(
            "to remove them: kubectl delete -f manifests.yaml   (of the same render)",
            "to take them over into a release: fogflow-k8s deploy ... --take-ownership -n {namespace}   (with the same settings)",
        ),
    ),
    Entry(
        "FK-7017",
        "permanent",
        "another Service already has an external port of the release",
        explanation="Two Services cannot have the same port of the same external IP, or the same node port: with an external IP, only one of them receives the connections. The evidence names the other Services; they may belong to another release of FogFlow in another namespace.",
        advice=(
            "choose another address or port, for example: fogflow-k8s deploy --external-ip OTHER-ADDRESS -n {namespace}",
            "or remove the other Service: kubectl get services -A -o wide",
        ),
    ),
    Entry(
        "FK-7018",
        "transient",
        "objects of a measurement that was killed exist",
        explanation="`bench run` was killed before it could remove its Job, its ConfigMap and, after the scenarios task and flow, its function, which a ConfigMap names. Its load generator ends by itself and removes its entities; Kubernetes removes the Job ten minutes later. The next `bench run` of any scenario removes all of them first, and `uninstall` removes them, too.",
        advice=("fogflow-k8s bench run query --duration 1s --release {name} -n {namespace}",),
    ),
)
