"""Manifests: the objects that workloads refer to and the manifests do not contain."""

from fogflow_k8s.model.manifests import Reference, lacks_key, missing_references, split

TEXT = """
# Source: a
apiVersion: v1
kind: ConfigMap
metadata: {name: mine}
data: {a: "1"}
---
apiVersion: v1
kind: Pod
metadata: {name: test, annotations: {helm.sh/hook: test}}
spec: {containers: [{name: c, envFrom: [{secretRef: {name: only-in-a-hook}}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: master, labels: {app.kubernetes.io/component: master}}
spec:
  template:
    spec:
      imagePullSecrets: [{name: pull}]
      priorityClassName: high
      volumes:
        - {name: a, configMap: {name: mine}}
        - {name: b, configMap: {name: mine, items: [{key: nope, path: x}]}}
        - {name: c, secret: {secretName: s, items: [{key: password, path: p}]}}
        - {name: d, secret: {secretName: perhaps, optional: true}}
        - {name: e, persistentVolumeClaim: {claimName: disk}}
        - {name: f, projected: {sources: [{secret: {name: projected}}, {configMap: {name: kube-root-ca.crt}}]}}
      containers:
        - name: c
          env: [{name: X, valueFrom: {secretKeyRef: {name: env, key: k}}}]
          envFrom: [{configMapRef: {name: from}}]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: other}
spec: {storageClassName: fast}
"""


def test_references_are_found_unless_the_manifests_contain_the_object():
    found = {(r.kind, r.name, r.key) for r in missing_references(split(TEXT))}
    assert found == {
        ("Secret", "pull", ""), ("PriorityClass", "high", ""), ("ConfigMap", "mine", "nope"), ("Secret", "s", "password"),
        ("PersistentVolumeClaim", "disk", ""), ("Secret", "projected", ""), ("Secret", "env", "k"), ("ConfigMap", "from", ""),
        ("StorageClass", "fast", ""),
    }  # fmt: skip


def test_a_key_is_looked_for_in_every_part_that_can_hold_it():
    wanted = Reference("Secret", "s", "password")
    assert lacks_key(wanted, {"data": {"other": ""}})
    assert not lacks_key(wanted, {"data": {"password": ""}})
    assert not lacks_key(wanted, {"stringData": {"password": ""}})
    assert not lacks_key(Reference("Secret", "s"), {})
