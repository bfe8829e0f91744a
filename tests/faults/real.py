"""The faults that are brought about on real nodes: a real kubelet, containerd and registry say it."""

import json

from tests.faults.fault import Fault


def _class_without_volumes(site):
    sort = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "empty"},
            "provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "WaitForFirstConsumer"}  # fmt: skip
    site.kubectl("apply", "-f", "-", stdin=json.dumps(sort))


FAULTS = [
    Fault("the image does not exist", "FK-4001", "discovery", {"discovery": {"image": {"tag": "9.9.9"}}}),
    Fault("the image may not be pulled and is not there", "FK-4005", "discovery",
          {"discovery": {"image": {"tag": "9.9.9", "pullPolicy": "Never"}}}),
    Fault("a container uses too much memory", "FK-5002", "rabbitmq",
          {"rabbitmq": {"resources": {"requests": {"memory": "20Mi"}, "limits": {"memory": "24Mi"}}}}),
    Fault("the image of every bootstrap container does not exist", "FK-4001", "rabbitmq", {"bootstrap": {"image": {"tag": "9.9.9"}}}),
    Fault("no volume for a claim", "FK-3006", "designer", before=_class_without_volumes, timeout="45s", hopeless=False,
          values={"designer": {"persistence": {"enabled": True, "storageClass": "empty"}}}),
    Fault("an upgrade to an image that does not exist", "FK-4001", "master", {"master": {"image": {"tag": "9.9.9"}}},
          installed=True, exit=20),
]  # fmt: skip
