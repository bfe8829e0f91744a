"""Which cluster is meant, and as whom: kubeconfigs read by kubectl's rules, once for us and for every child.

The rules are client-go's (tools/clientcmd/loader.go): `--kubeconfig` names one file that must exist; $KUBECONFIG names
several, of which absent ones are passed over; of several definitions of a name, and of several current contexts, the
first counts; relative paths start at the file that has them. The official Python client takes the last current context
instead, so that it and Helm could mean two clusters.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fogflow_k8s.errors import ClusterError, UsageError

IN_CLUSTER = "in-cluster"
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_PATHS = {"clusters": ("certificate-authority",), "users": ("client-certificate", "client-key", "tokenFile")}
_KINDS = {"clusters": "cluster", "users": "user", "contexts": "context"}
STRIPPED = ("HELM_KUBE", "HELM_NAMESPACE")
"""Starts of the variables by which Helm alone would be led elsewhere: no child of ours sees them."""


@dataclass(frozen=True)
class Chosen:
    """One context, with the entries it names. Paths in them are absolute; `files` is empty inside a pod."""

    context: str
    server: str
    cluster: Mapping[str, Any] = field(default_factory=dict)
    user: Mapping[str, Any] = field(default_factory=dict)
    user_name: str = ""
    files: tuple[str, ...] = ()

    @property
    def flags(self) -> tuple[str, str]:
        """What a child's flags for the kubeconfig and the context must say; "" where the environment says it."""
        return (self.files[0] if len(self.files) == 1 else "", self.context if self.files else "")

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """The environment of a child that is to mean the same cluster: helm takes one file by flag, several by KUBECONFIG."""
        kept = {name: value for name, value in given.items() if not name.startswith(STRIPPED)}
        return {**kept, "KUBECONFIG": os.pathsep.join(self.files)} if self.files else kept


def misleading(given: Mapping[str, str]) -> list[str]:
    """The variables that are set and that no child sees."""
    return sorted(name for name, value in given.items() if value and name.startswith(STRIPPED))


def resolve(kubeconfig: str = "", context: str = "") -> Chosen:
    """The context that kubectl would use with the same flags and environment.

    Raises UsageError for a file, context or entry that is not there or not readable, ClusterError when there is no
    cluster at all.
    """
    files, where = _files(kubeconfig)
    documents = [(file, _document(file)) for file in files]
    name = context or next((str(each["current-context"]) for _, each in documents if each.get("current-context")), "")
    if name:
        return _context(documents, name, where, asked=bool(context))
    if os.environ.get("KUBERNETES_SERVICE_HOST"):  # as client-go: nothing was configured, and we are in a pod
        return _in_cluster()
    make = "or make one on this machine: fogflow-k8s sandbox up"
    if not files:
        raise ClusterError(f"no cluster: {where} does not exist", hint=f"point KUBECONFIG at your cluster, {make}")
    raise ClusterError(f"{where} names no current context", hint=f"kubectl config use-context NAME, {make}")


def _files(kubeconfig: str) -> tuple[list[Path], str]:
    """The files that are there, in their order, and how to speak of them."""
    if kubeconfig:
        if not _absolute(kubeconfig).exists():
            raise UsageError(
                f"kubeconfig {kubeconfig} does not exist",
                hint="give --kubeconfig a file that does, or leave it out to use $KUBECONFIG",
            )
        return [_absolute(kubeconfig)], kubeconfig
    where = os.environ.get("KUBECONFIG") or "~/.kube/config"
    named = dict.fromkeys(_absolute(each) for each in where.split(os.pathsep) if each)
    return [path for path in named if path.exists()], where


def _absolute(name: str) -> Path:
    try:
        return Path(os.path.abspath(Path(name).expanduser()))  # noqa: PTH100 - a link's own folder counts, as for kubectl
    except RuntimeError:  # "~" of a user without a home
        return Path(os.path.abspath(name))  # noqa: PTH100


def _document(file: Path) -> Mapping[str, Any]:
    """One file as a mapping: an empty one is no error. Raises UsageError."""
    import yaml

    try:
        found = yaml.load(file.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe
    except OSError as error:
        raise UsageError(f"kubeconfig {file} cannot be read: {error.strerror}", hint="is it yours?") from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        said = str(error).replace("\n", " ")
        raise UsageError(f"{file} is not a kubeconfig: {said}", hint="kubectl config view") from error
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise UsageError(f"{file} is not a kubeconfig: it holds no keys", hint="kubectl config view")
    for kind in _KINDS:
        names = [name for name, _ in _entries(found, kind, file)]
        if twice := {name for name in names if names.count(name) > 1}:
            raise UsageError(
                f"{file}: {kind} has {', '.join(sorted(twice))} twice",
                hint="remove one of them: kubectl refuses it, too",
            )
    return found


def _entries(document: Mapping[str, Any], kind: str, file: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Names and contents of one list. Raises UsageError for what has not the form of an entry."""
    for number, each in enumerate(document.get(kind) or []):
        content = each.get(_KINDS[kind]) if isinstance(each, Mapping) else None
        if not isinstance(each, Mapping) or "name" not in each or not isinstance(content or {}, Mapping):
            raise UsageError(
                f"{file}: {kind}[{number}] is no entry with `name` and `{_KINDS[kind]}`", hint="kubectl config view"
            )
        yield str(each["name"]), content or {}


def _context(documents: list[tuple[Path, Mapping[str, Any]]], name: str, where: str, *, asked: bool) -> Chosen:
    found = _first(documents, "contexts", name)
    if found is None:
        what = "context" if asked else "current context"
        raise UsageError(f"{what} {name} is not in {where}", hint="kubectl config get-contexts")
    cluster_name, user_name = str(found.get("cluster") or ""), str(found.get("user") or "")
    cluster = _first(documents, "clusters", cluster_name)
    if cluster is None or not cluster.get("server"):
        lacks = f"has no cluster {cluster_name}" if cluster is None else f"gives cluster {cluster_name} no server"
        raise UsageError(f"{where} {lacks}, which context {name} names", hint="kubectl config get-clusters")
    server = str(cluster["server"])
    if "://" not in server:  # client-go: such an address is spoken to without TLS unless there is a certificate
        secure = any(key.startswith("certificate-authority") for key in cluster)
        server = f"{'https' if secure else 'http'}://{server}"
    user = _first(documents, "users", user_name) or {}
    files = tuple(str(file) for file, _ in documents)
    return Chosen(name, server.rstrip("/"), cluster, user, user_name, files)


def _first(documents: list[tuple[Path, Mapping[str, Any]]], kind: str, name: str) -> dict[str, Any] | None:
    """The first entry of that name, its paths made absolute; None when there is none."""
    for file, document in documents:
        for each, content in _entries(document, kind, file):
            if each == name:
                paths = {key: str(file.parent / content[key]) for key in _PATHS.get(kind, ()) if content.get(key)}
                return {**content, **paths, **_plug_in(content, file)}
    return None


def _plug_in(content: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """A plug-in's command, when it is a relative path: it starts at the kubeconfig's folder; a bare name is found on PATH."""
    plug_in = content.get("exec")
    command = str(plug_in.get("command") or "") if isinstance(plug_in, Mapping) else ""
    if not isinstance(plug_in, Mapping) or os.sep not in command:
        return {}
    return {"exec": {**plug_in, "command": str(file.parent / command)}}


def _in_cluster() -> Chosen:
    """The API server and the account of the pod that we run in."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT") or "443"
    if not (_ACCOUNT / "token").exists():
        raise ClusterError(
            "no cluster: this pod has no account's token, and there is no kubeconfig",
            hint="let the pod have one (automountServiceAccountToken), or set KUBECONFIG",
        )
    server = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    cluster = {"server": server, "certificate-authority": str(_ACCOUNT / "ca.crt")}
    return Chosen(IN_CLUSTER, server, cluster, {"tokenFile": str(_ACCOUNT / "token")})
