"""The faults that are brought about on simulated nodes: real objects and a real control plane; a kubelet's words are played."""

import json

from tests.faults.fault import CHANGED, Fault, annotated

ADMISSION = "admissionregistration.k8s.io/v1"
MORE = {"cpu": "64", "memory": "900Gi"}
PINNED = {"rabbitmq": {"nodeSelector": {"node-role.kubernetes.io/control-plane": ""}}}


def _apply(kind, version, name, **rest):
    document = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **rest}
    return lambda site: site.kubectl("apply", "-f", "-", stdin=json.dumps(document))


def _hungry(what):
    both = {what: MORE[what]}
    return {"rabbitmq": {"resources": {"requests": both, "limits": both}}}


def created(group, resource):
    """The rule of a policy or a webhook that is asked when one is made."""
    return {"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [resource]}


def only(site):
    """Of a policy or a webhook that is asked in this namespace alone."""
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": site.namespace}}}


def unanswered(site, rule):
    """A webhook at whose address nobody is."""
    return {
        "name": "policy.fogflow-k8s.test", "failurePolicy": "Fail", "sideEffects": "None", "timeoutSeconds": 1,
        "admissionReviewVersions": ["v1"], "clientConfig": {"url": "https://127.0.0.1:1/"}, **only(site), "rules": [rule],
    }  # fmt: skip


def _webhook_without_anybody(site):
    hook = unanswered(site, created("", "pods"))
    _apply("ValidatingWebhookConfiguration", ADMISSION, site.namespace, webhooks=[hook])(site)


def _hold(site):
    patch = {"metadata": {"finalizers": ["fogflow-k8s.test/held"]}}
    pod = site.kubectl("get", "pod", "-l", "app.kubernetes.io/component=discovery", "-o", "name").strip()
    site.kubectl("patch", pod, "--type=merge", "-p", json.dumps(patch))


def _own_the_replicas(site):
    document = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "nginx"}, "spec": {"replicas": 3}}
    site.kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=autopilot", "-f", "-", stdin=json.dumps(document))  # fmt: skip


def _registry_says(words):
    return annotated("rabbitmq", "image-not-found", message=words)


def _waits(reason, message):
    return annotated("discovery", "config-error", reason=reason, message=message)


FAULTS = [
    # what the cluster lacks is found before anything is installed
    Fault("a Secret does not exist", "FK-1201", values={"rabbitmq": {"auth": {"existingSecret": "mine"}}}, exit=10),
    Fault("a Secret lacks its key", "FK-1203", values={"rabbitmq": {"auth": {"existingSecret": "mine"}}}, exit=10,
          before=lambda site: site.kubectl("create", "secret", "generic", "mine", "--from-literal=other=x")),
    Fault("a claim of one's own does not exist", "FK-1204", exit=10,
          values={"designer": {"persistence": {"enabled": True, "existingClaim": "mine"}}}),
    Fault("a StorageClass does not exist", "FK-1205", exit=10,
          values={"designer": {"persistence": {"enabled": True, "storageClass": "fast"}}}),
    Fault("a PriorityClass does not exist", "FK-1205", values={"global": {"priorityClassName": "gold"}}, exit=10),
    Fault("more CPU than any node has", "FK-3012", "rabbitmq", _hungry("cpu"), exit=10),
    Fault("more memory than any node has", "FK-3012", "rabbitmq", _hungry("memory"), exit=10),
    Fault("a node selector that no node matches", "FK-3012", "rabbitmq", {"rabbitmq": {"nodeSelector": {"a": "b"}}}, exit=10),
    Fault("only a tainted node matches", "FK-3012", "rabbitmq", PINNED, exit=10),
    # the same, met by a chart that was installed without this tool
    Fault("by helm: more CPU than any node has", "FK-3001", "rabbitmq", _hungry("cpu"), by_hand=True, exit=40),
    Fault("by helm: more memory than any node has", "FK-3002", "rabbitmq", _hungry("memory"), by_hand=True, exit=40),
    Fault("by helm: only a tainted node matches", "FK-3004", "rabbitmq", PINNED, by_hand=True, exit=40),
    Fault("by helm: no node matches", "FK-3005", "rabbitmq", {"rabbitmq": {"nodeSelector": {"a": "b"}}}, by_hand=True, exit=40),
    Fault("by helm: a claim without a provisioner", "FK-3006", "designer", by_hand=True, exit=40,
          values={"designer": {"persistence": {"enabled": True, "storageClass": "fast"}}}),
    # images
    Fault("the image does not exist", "FK-4001", "rabbitmq", {"rabbitmq": {"image": {"tag": "does-not-exist"}}}),
    Fault("an upgrade to an image that does not exist", "FK-4001", "discovery", {"discovery": {"image": {"tag": "does-not-exist"}}},
          installed=True, exit=20),
    Fault("the registry wants another login", "FK-4002", "rabbitmq",
          _registry_says("failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized")),
    Fault("the registry limits the rate", "FK-4003", "rabbitmq", timeout="15s", hopeless=False,
          values=_registry_says("429 Too Many Requests - toomanyrequests: You have reached your pull rate limit")),
    Fault("the image is for another platform", "FK-4004", "rabbitmq",
          _registry_says("no match for platform in manifest sha256:abc: not found")),
    Fault("the registry cannot be reached", "FK-4009", "rabbitmq", timeout="15s", hopeless=False,
          values=_registry_says("dial tcp 198.51.100.1:443: i/o timeout")),
    Fault("the image may not be pulled and is not there", "FK-4005", "discovery",
          _waits("ErrImageNeverPull", "Container image is not present with pull policy of Never")),
    Fault("the image's name is not valid", "FK-4006", "discovery", _waits("InvalidImageName", "invalid reference format")),
    # containers
    Fault("a container crashes", "FK-5001", "rabbitmq", annotated("rabbitmq", "crash")),
    Fault("an upgrade to a container that crashes", "FK-5001", "cloud-broker", annotated("broker", "crash", exit_code=3),
          installed=True, exit=20),
    Fault("a container uses too much memory", "FK-5002", "discovery", annotated("discovery", "oom")),
    Fault("an init container crashes", "FK-5006", "rabbitmq", annotated("rabbitmq", "crash", container="bootstrap")),
    Fault("an init container does not end", "FK-5005", "rabbitmq", annotated("rabbitmq", "init-stuck"), timeout="15s", hopeless=False,
          exit=30),
    Fault("the container's program does not exist", "FK-5007", "discovery",
          _waits("RunContainerError", 'exec: "/discovery": stat /discovery: no such file or directory')),
    Fault("the program is for another processor", "FK-4004", "discovery",
          _waits("RunContainerError", "exec /discovery: exec format error")),
    Fault("a Secret that only a container names does not exist", "FK-1201", "discovery",
          _waits("CreateContainerConfigError", 'secret "bus" not found')),
    Fault("a ConfigMap lacks a key", "FK-1203", "discovery",
          _waits("CreateContainerConfigError", "couldn't find key level in ConfigMap city/log")),
    Fault("the image would run as root", "FK-1206", "discovery",
          _waits("CreateContainerConfigError", "container has runAsNonRoot and image will run as root")),
    Fault("the readiness probe fails", "FK-5003", "discovery", annotated("discovery", "never-ready"), timeout="15s", hopeless=False),
    Fault("the liveness probe fails", "FK-5004", "discovery", timeout="15s", hopeless=False,
          values=annotated("discovery", "never-ready", reason="Liveness", message="HTTP probe failed with statuscode: 500")),
    Fault("time is up within a startup probe's own time", "FK-5014", "discovery", timeout="15s", hopeless=False, exit=30,
          values=annotated("discovery", "never-ready", reason="Startup", message="connection refused")),
    # between the scheduler and the first container
    Fault("a volume cannot be mounted", "FK-5010", "discovery", annotated("discovery", "not-set-up"), timeout="15s", hopeless=False),
    Fault("a ConfigMap that is mounted does not exist", "FK-1202", "discovery",
          annotated("discovery", "not-set-up", message='MountVolume.SetUp failed for volume "c" : configmap "c" not found')),
    Fault("the node cannot set up the pod's network", "FK-5013", "discovery", timeout="15s", hopeless=False,
          values=annotated("discovery", "not-set-up", reason="FailedCreatePodSandBox", message="no IP addresses available in range set")),
    # what the API server does not let controllers do
    Fault("a ResourceQuota is used up", "FK-3010", exit=10,
          before=_apply("ResourceQuota", "v1", "small", spec={"hard": {"pods": "2"}})),
    Fault("a LimitRange allows less", "FK-3013", before=_apply(
          "LimitRange", "v1", "small", spec={"limits": [{"type": "Container", "max": {"memory": "16Mi"}}]})),
    Fault("Pod Security refuses a pod", "FK-3011", values={"configJson": {"hostPath": {"path": "/etc/fogflow"}}},
          before=lambda site: site.kubectl("label", "namespace", site.namespace, "pod-security.kubernetes.io/enforce=restricted")),
    Fault("an admission webhook does not answer", "FK-3014", timeout="15s", hopeless=False, before=_webhook_without_anybody),
    # the release, and what others did to it
    Fault("the rollout is paused", "FK-7003", "discovery", CHANGED, installed=True, exit=20,
          before=lambda site: site.kubectl("rollout", "pause", "deployment/discovery")),
    Fault("an old pod may not end", "FK-5012", "discovery", CHANGED, installed=True, before=_hold, timeout="15s",
          hopeless=False, exit=20),
    Fault("an object of that name is there, and not Helm's", "FK-7014", exit=10,
          before=lambda site: site.kubectl("create", "configmap", "nginx-config")),
    Fault("somebody else owns a field", "FK-7002", values={"replicaCount": 4}, installed=True, exit=20, before=_own_the_replicas),
]  # fmt: skip
