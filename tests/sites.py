"""A namespace on a cluster, and the programs that work on it, run as people run them."""

import subprocess
import sys
import zlib
from pathlib import Path

from tests import api, documents, tool

CHART = Path(__file__).parents[1] / "charts/fogflow-chart"
TOOL = [sys.executable, "-m", "fogflow_k8s"]
IP = "192.0.2.10"
"""The external IP in the tests' command lines. Two releases cannot share one, so each site replaces it by its own."""


class Site:
    """A namespace of this test's own, and the programs that work on it."""

    def __init__(self, sandbox, namespace, state, env):
        self.namespace = namespace
        self.state = state
        self.chart = CHART
        self.helm_path, self.kubectl_path = sandbox["HELM"], sandbox["KUBECTL"]
        self.env = {**env, "HELM": self.helm_path}
        number = zlib.crc32(namespace.encode())
        self.ip = f"198.18.{number // 254 % 254 + 1}.{number % 254 + 1}"

    def _own(self, words):
        return [str(word).replace(IP, self.ip) for word in words]

    def start(self, *words, **more):
        argv = [*TOOL, *self._own(words), "-n", self.namespace]
        return subprocess.Popen(
            argv, env={**self.env, **more.pop("env", {})}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True, cwd=self.state, **more,
        )  # fmt: skip

    def run(self, *words, code=0, env=None, program=False):
        """Run the tool to its end and return stdout; the exit code is part of every expectation (None: any)."""
        argv, env = [*self._own(words), "-n", self.namespace], {**self.env, **(env or {})}
        done = tool.run(argv, env=env, cwd=self.state, program=program)
        self.stderr = done.stderr
        assert code is None or done.returncode == code, (
            f"{words}: exit {done.returncode}, expected {code}\n{done.stdout}\n{done.stderr}"
        )
        return done.stdout

    def json(self, *words, code=0, **more):
        return documents.parse(self.run(*words, "-o", "json", code=code, **more))

    def deploy(self, *words, code=0, **more):
        return self.json("deploy", "--external-ip", IP, *words, code=code, **more)

    def kubectl(self, *words, stdin=None, check=True):
        done = subprocess.run(
            [self.kubectl_path, "-n", self.namespace, *words], env=self.env, input=stdin, capture_output=True, text=True, timeout=120, check=False
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def apply(self, text):
        """`kubectl apply`, each object to the namespace that it names."""
        done = subprocess.run(
            [self.kubectl_path, "apply", "-f", "-"],
            env=self.env,
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def get(self, *words):
        return api.get(self.env["KUBECONFIG"], *words, namespace=self.namespace)

    def helm(self, *words, check=True):
        done = subprocess.run(
            [self.helm_path, "-n", self.namespace, *self._own(words)],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def history(self):
        """Number and status of each revision, as Helm keeps them."""
        kept = [each["metadata"]["labels"] for each in self.get("secrets", "-l", "owner=helm")["items"]]
        return sorted((int(labels["version"]), labels["status"]) for labels in kept)

    def make_namespace(self):
        self.kubectl("create", "namespace", self.namespace)
