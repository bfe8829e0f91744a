"""Causes FK-5xxx: a pod has a node and its images, but does not become ready."""

from __future__ import annotations

from fogflow_k8s.model.diagnosis.catalogue.entry import DESCRIBE, LOGS, Entry

ENTRIES = (
    Entry(
        "FK-5001",
        "permanent",
        "the container crashes repeatedly",
        explanation="The container started and exited by itself more than once. The evidence contains its last output. If a component on which this one depends is down, the failure is reported as FK-6001 instead.",
        advice=(LOGS,),
    ),
    Entry(
        "FK-5002",
        "permanent",
        "the container is killed for using more memory than its limit",
        explanation="The container's processes together used more memory than `resources.limits.memory`, and the kernel killed one of them. RabbitMQ needs 512Mi; FogFlow's own components are small.",
        advice=(
            "raise {component}.resources.limits.memory in your values",
            LOGS,
        ),
    ),
    Entry(
        "FK-5003",
        "transient",
        "the pod runs, but its readiness probe fails",
        explanation="A pod receives traffic only when its readiness probe passes. The summary says what the probe requests; the evidence, what it received.",
        advice=(
            "kubectl -n {namespace} logs {pod} -c {container}",
            DESCRIBE,
        ),
    ),
    Entry(
        "FK-5004",
        "transient",
        "the startup or liveness probe fails",
        explanation="The kubelet restarts a container whose liveness probe fails, or whose startup probe has failed for all the time it allows. This looks like a crash, but is not one.",
        advice=(
            LOGS,
            DESCRIBE,
        ),
    ),
    Entry(
        "FK-5005",
        "transient",
        "an init container does not finish",
        explanation="Init containers run one after another before the main containers. The init container `bootstrap` waits for what the component needs: its log names what it waits for.",
        advice=("kubectl -n {namespace} logs {pod} -c {container}",),
    ),
    Entry(
        "FK-5006",
        "permanent",
        "an init container crashes repeatedly",
        explanation="As FK-5001, but for a container that runs before the component itself. The init container `bootstrap` exits when its configuration cannot be written.",
        advice=(LOGS,),
    ),
    Entry(
        "FK-5007",
        "permanent",
        "the container cannot be started",
        explanation="The image is present, but the program that the container is to run does not exist in it, or may not be executed.",
        advice=(DESCRIBE,),
    ),
    Entry(
        "FK-5008",
        "transient",
        "the pod was evicted",
        explanation="The node ran short of memory or disk and evicted pods, starting with those whose use exceeds their requests most. The controller creates a new pod.",
        advice=(
            DESCRIBE,
            "kubectl describe nodes",
        ),
    ),
    Entry(
        "FK-5009",
        "transient",
        "the pod's node is lost",
        explanation="The node's kubelet has not reported for 40 s. Kubernetes keeps the pods of a lost node for `tolerationSeconds` (60 in this chart), in case the node comes back.",
        advice=("kubectl get nodes",),
    ),
    Entry(
        "FK-5010",
        "transient",
        "a volume cannot be attached or mounted",
        explanation="Attaching or mounting the volume fails repeatedly. A volume that only one node at a time can attach is often still attached to the previous node.",
        advice=(DESCRIBE,),
    ),
    Entry(
        "FK-5011",
        "transient",
        "the pod is not ready, and neither its status nor an event says why",
        explanation="Neither the pod's status nor an event contains a reason. Describe the pod, and check the node it runs on.",
        advice=(DESCRIBE,),
    ),
    Entry(
        "FK-5012",
        "transient",
        "an old pod does not terminate, and its successor waits for it",
        explanation="FogFlow's components keep state in memory and run as one pod each, so a new pod waits until the old one is gone. A finalizer keeps the old pod; the controller that set the finalizer must remove it.",
        advice=(
            "kubectl -n {namespace} get pod {pod} -o jsonpath='{{.metadata.finalizers}}'",
            "find out which controller set the finalizer, and why it does not remove it",
        ),
    ),
    Entry(
        "FK-5013",
        "transient",
        "the node cannot set up the pod's sandbox or network",
        explanation="The kubelet needs the pod's network before it can start a container, and the network plugin failed: it has no addresses left, its own pod is down, or its configuration is missing on that node.",
        advice=(
            "check the network plugin of node {node}: kubectl -n kube-system get pods -o wide",
            DESCRIBE,
        ),
    ),
    Entry(
        "FK-5014",
        "transient",
        "the container is still starting, within the time that its startup probe allows",
        explanation="This is not a failure yet: the startup probe may fail until the given time. The kubelet restarts the container only after that.",
        advice=("kubectl -n {namespace} logs {pod} -c {container}",),
    ),
    Entry(
        "FK-5015",
        "transient",
        "the kubelet ended the pod, or did not admit it",
        explanation="The node lacked a resource, its topology did not suit the pod, or the node was shut down. The summary contains the reason.",
        advice=(
            DESCRIBE,
            "kubectl describe node {node}",
        ),
    ),
)
