"""Which cluster is meant, and how to log in: the kubeconfig rules of kubectl, through the official client's loader."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fogflow_k8s.adapters.plainlogin import plain_login
from fogflow_k8s.errors import ClusterError, UsageError


@dataclass(frozen=True)
class Access:
    """A way into one API server. `configuration` is a PlainLogin or the official client's, which knows plug-ins and proxies."""

    context: str
    server: str
    configuration: Any


def load(kubeconfig: str = "", context: str = "") -> Access:
    """The access that kubectl would use with the same flags and environment.

    Raises UsageError for a context or file that does not exist, ClusterError when there is no cluster at all.
    """
    if kubeconfig and not Path(kubeconfig).expanduser().exists():
        raise UsageError(
            f"kubeconfig {kubeconfig} does not exist", hint="give --kubeconfig a file that does, or unset KUBECONFIG"
        )
    where = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    found = [p for p in where.split(os.pathsep) if p and Path(p).expanduser().exists()]
    inside = bool(os.environ.get("KUBERNETES_SERVICE_HOST"))
    if not found and not inside:
        raise ClusterError(
            f"no cluster: {where} does not exist",
            hint="point KUBECONFIG at your cluster, or make one on this machine: fogflow-k8s sandbox up",
        )
    if len(found) == 1 and (plain := plain_login(Path(found[0]).expanduser(), context)):
        return Access(plain[0], plain[1].host, plain[1])
    return _official(found, context, where)


def _official(found: list[str], context: str, where: str) -> Access:
    """The access as the official client's loader finds it: in-cluster, merged files, plug-ins, OIDC, proxies."""
    from kubernetes import config
    from kubernetes.client import Configuration

    configuration = Configuration()
    try:
        if not found:
            config.load_incluster_config(client_configuration=configuration)
            return Access("in-cluster", str(configuration.host), configuration)
        config.load_kube_config(
            config_file=os.pathsep.join(found), context=context or None, client_configuration=configuration, persist_config=False
        )  # fmt: skip
        name = context or _current(os.pathsep.join(found))
    except config.ConfigException as error:
        raise _explained(error, where, context) from error
    except Exception as error:
        if type(error).__module__.startswith("yaml"):
            raise UsageError(
                f"{where} is not a kubeconfig: {str(error).splitlines()[0]}", hint="kubectl config view"
            ) from error
        raise
    return Access(name, str(configuration.host), configuration)


def _current(files: str) -> str:
    from kubernetes import config

    return str(config.list_kube_config_contexts(config_file=files)[1]["name"])


def _explained(error: Exception, where: str, context: str) -> UsageError | ClusterError:
    text = str(error)
    if context and "Expected object with name" in text:
        return UsageError(f"context {context} is not in {where}", hint="kubectl config get-contexts")
    if "current-context" in text:
        return ClusterError(
            f"{where} names no current context",
            hint="kubectl config use-context NAME, or make a cluster on this machine: fogflow-k8s sandbox up",
        )
    return UsageError(f"{where}: {text}", hint="kubectl config view")
