"""Reads objects as `kubectl get WORDS -o json` does, in this process: the tests look many times a second, and a kubectl costs 0.2 s of CPU."""

import argparse
import base64
import json
import ssl
import tempfile
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

import urllib3
import yaml

CORE, APPS, NETWORK = "api/v1", "apis/apps/v1", "apis/networking.k8s.io/v1"
ADMISSION = "apis/admissionregistration.k8s.io/v1"
KINDS = {
    "pod": (CORE, "Pod"), "node": (CORE, "Node"), "service": (CORE, "Service"), "secret": (CORE, "Secret"),
    "configmap": (CORE, "ConfigMap"), "resourcequota": (CORE, "ResourceQuota"), "event": (CORE, "Event"), "namespace": (CORE, "Namespace"),
    "persistentvolumeclaim": (CORE, "PersistentVolumeClaim"), "deployment": (APPS, "Deployment"),
    "statefulset": (APPS, "StatefulSet"), "daemonset": (APPS, "DaemonSet"), "replicaset": (APPS, "ReplicaSet"),
    "serviceaccount": (CORE, "ServiceAccount"), "job": ("apis/batch/v1", "Job"), "networkpolicy": (NETWORK, "NetworkPolicy"), "lease": ("apis/coordination.k8s.io/v1", "Lease"),
    "ingress": (NETWORK, "Ingress"), "validatingwebhookconfiguration": (ADMISSION, "ValidatingWebhookConfiguration"),
    "validatingadmissionpolicy": (ADMISSION, "ValidatingAdmissionPolicy"),
    "validatingadmissionpolicybinding": (ADMISSION, "ValidatingAdmissionPolicyBinding"),
}  # fmt: skip
ALL = "pods,services,daemonsets,deployments,replicasets,statefulsets,jobs"
"""What kubectl calls all, as far as there is any of it here."""
WITHOUT_NAMESPACE = (
    "node", "namespace", "validatingwebhookconfiguration", "validatingadmissionpolicy", "validatingadmissionpolicybinding",
)  # fmt: skip

_words = argparse.ArgumentParser(add_help=False)
_words.add_argument("kinds")
_words.add_argument("name", nargs="?")
_words.add_argument("-n", dest="namespace")
_words.add_argument("-l", dest="labelSelector")
_words.add_argument("--field-selector", dest="fieldSelector")
_words.add_argument("-A", dest="everywhere", action="store_true")


def get(kubeconfig, *words, namespace="default"):
    """One object, or a list of objects. Raises AssertionError for what the server does not give, and urllib3's errors when it is not there."""
    asked = _words.parse_args(list(map(str, words)))
    client = _client_of(kubeconfig)
    space = "" if asked.everywhere else asked.namespace or namespace
    singulars = [_singular(kind) for kind in (ALL if asked.kinds == "all" else asked.kinds).split(",")]
    if asked.name:
        return client.read(singulars[0], space, asked.name)
    select = {key: value for key in ("labelSelector", "fieldSelector") if (value := getattr(asked, key))}
    return {"items": [each for one in singulars for each in client.read(one, space, **select)["items"]]}


def delete(kubeconfig, kind, name="", namespace="default"):
    """Has one object deleted, or all of that kind in the namespace; what is not there is no error, and the end is not waited for."""
    _client_of(kubeconfig).delete(kind, namespace, name)


def _singular(kind):
    for ending, instead in (("", ""), ("ies", "y"), ("es", "e"), ("s", "")):
        if kind.endswith(ending) and (found := kind.removesuffix(ending) + instead) in KINDS:
            return found
    raise AssertionError(f"{kind}: not in tests/api.py")


class Client:
    """Kept connections to one API server, as the administrator."""

    def __init__(self, path):
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        name = config["current-context"]
        context = next(each["context"] for each in config["contexts"] if each["name"] == name)
        cluster = next(each["cluster"] for each in config["clusters"] if each["name"] == context["cluster"])
        user = next(each["user"] for each in config["users"] if each["name"] == context["user"])
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        ways = ssl.create_default_context(cadata=authority)
        with tempfile.NamedTemporaryFile() as both:
            both.write(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
            both.flush()
            ways.load_cert_chain(both.name)
        self.server = cluster["server"]
        self.pool = urllib3.PoolManager(ssl_context=ways, maxsize=16, retries=urllib3.Retry(3, backoff_factor=0.2))

    def read(self, kind, namespace, name="", **select):
        """What the server has."""
        group, title = KINDS[kind]
        answer = self._ask("GET", kind, namespace, name, select)
        assert answer.status == 200, f"{kind} {name}: HTTP {answer.status} {answer.data[:500]!r}"
        found = json.loads(answer.data)
        for each in found.get("items", ()):
            each |= {"kind": title, "apiVersion": group.partition("/")[2]}
        return found

    def delete(self, kind, namespace, name=""):
        """Has the server delete what is there."""
        answer = self._ask("DELETE", kind, namespace, name, {"propagationPolicy": "Background"})
        assert answer.status in {200, 202, 404}, f"{kind} {name}: HTTP {answer.status} {answer.data[:500]!r}"

    def _ask(self, verb, kind, namespace, name, query):
        plural = kind[:-1] + "ies" if kind.endswith("y") else kind + ("es" if kind.endswith("s") else "s")
        space = "" if not namespace or kind in WITHOUT_NAMESPACE else f"namespaces/{namespace}/"
        url = f"{self.server}/{KINDS[kind][0]}/{space}{plural}{f'/{name}' if name else ''}?{urlencode(query)}"
        return self.pool.request(verb, url, timeout=urllib3.Timeout(connect=5, read=30))


def _client_of(kubeconfig):
    path = Path(kubeconfig)
    return _client(path, path.stat().st_mtime_ns)


@cache
def _client(path, _written):
    return Client(path)
