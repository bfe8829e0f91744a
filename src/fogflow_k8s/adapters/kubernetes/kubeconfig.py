"""Choose the cluster and the user: read kubeconfigs by kubectl's rules, once for this program and its child processes.

The rules are client-go's (tools/clientcmd/loader.go): `--kubeconfig` names one file that must exist; $KUBECONFIG names
several, and absent ones are skipped. When several files define a name or a current context, the first one counts.
Relative paths start at the file that contains them. The official Python client takes the last current context
instead, so that this tool and Helm could use two different clusters.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fogflow_k8s.errors import ClusterError, UsageError

IN_CLUSTER = "in-cluster"
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_PATH_KEYS = {"clusters": ("certificate-authority",), "users": ("client-certificate", "client-key", "tokenFile")}
_MAKE = "or create a cluster on this machine: fogflow-k8s sandbox up"
_ENTRY_KEYS = {"clusters": "cluster", "users": "user", "contexts": "context"}
IGNORED_PREFIXES = ("HELM_KUBE", "HELM_NAMESPACE")
"""Prefixes of variables that change the target of Helm alone; no child process gets them."""
_ABSENT_HOME = "/proc/no-home"
"""A folder that no program can create, not even root's."""


@dataclass(frozen=True)
class KubeContext:
    """One context with the cluster and user entries that it names. Paths in them are absolute; `files` is empty in a pod."""

    context: str
    server: str
    cluster: Mapping[str, Any] = field(default_factory=dict)
    user: Mapping[str, Any] = field(default_factory=dict)
    user_name: str = ""
    files: tuple[str, ...] = ()

    @property
    def flags(self) -> tuple[str, str]:
        """The values of a child's flags for kubeconfig and context; "" where the child reads it from the environment."""
        return (self.files[0] if len(self.files) == 1 else "", self.context if self.files else "")

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a child that must use the same cluster: helm takes several files by KUBECONFIG only.

        With a HOME that is no folder, helm ends with an error; one that does not exist is no obstacle.
        """
        kept = {name: value for name, value in given.items() if not name.startswith(IGNORED_PREFIXES)}
        if kept.get("HOME") and not Path(kept["HOME"]).is_dir():
            kept["HOME"] = _ABSENT_HOME
        return {**kept, "KUBECONFIG": os.pathsep.join(self.files)} if self.files else kept


def ignored_variables(given: Mapping[str, str]) -> list[str]:
    """Return the variables that are set and that children do not get."""
    return sorted(name for name, value in given.items() if value and name.startswith(IGNORED_PREFIXES))


def resolve(kubeconfig: str = "", context: str = "") -> KubeContext:
    """Return the context that kubectl would use with the same flags and environment.

    Raises UsageError for an absent or unreadable file, context or entry, ClusterError when no cluster is configured.
    """
    files, where = _existing_files(kubeconfig)
    documents = [(file, _read_file(file)) for file in files]
    name = context or next((str(each["current-context"]) for _, each in documents if each.get("current-context")), "")
    if name:
        return _find_context(documents, name, where, asked=bool(context))
    if os.environ.get("KUBERNETES_SERVICE_HOST"):  # like client-go: without a kubeconfig, in a pod
        return _in_cluster_context()
    if not files:
        raise ClusterError(f"no cluster: {where} does not exist", hint=f"point KUBECONFIG at your cluster, {_MAKE}")
    if not any(document for _, document in documents):
        names = ", ".join(map(str, files))
        flag = "--kubeconfig" if kubeconfig else "KUBECONFIG"
        raise ClusterError(
            f"no cluster: kubeconfig {names} {'is' if len(files) == 1 else 'are'} empty",
            hint=f"set {flag} to the kubeconfig of your cluster, {_MAKE}",
        )
    raise ClusterError(f"{where} has no current context", hint=f"kubectl config use-context NAME, {_MAKE}")


def _existing_files(kubeconfig: str) -> tuple[list[Path], str]:
    """Return the existing files in order, and a text that names the setting."""
    if kubeconfig:
        if not _absolute(kubeconfig).exists():
            raise UsageError(
                f"kubeconfig {kubeconfig} does not exist",
                hint=f"set --kubeconfig to an existing file, leave it out to use $KUBECONFIG, {_MAKE}",
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


def _read_file(file: Path) -> Mapping[str, Any]:
    """Return a file's content; an empty file is an empty mapping. Raises UsageError."""
    import yaml

    from fogflow_k8s.model import manifests

    try:
        found = yaml.load(file.read_bytes(), Loader=manifests.safe_loader())  # noqa: S506 - safe
        circular = _contains_itself(found, (), set())
    except OSError as error:
        raise UsageError(
            f"kubeconfig {file} cannot be read: {error.strerror}", hint=f"check its owner and mode: ls -l {file}"
        ) from error
    except RecursionError as error:
        raise UsageError(
            f"{file} is not a kubeconfig: it is nested too deeply; one has fewer than ten levels",
            hint="kubectl config view",
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        reason = str(error).replace("\n", " ")
        raise UsageError(f"{file} is not a kubeconfig: {reason}", hint="kubectl config view") from error
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise UsageError(f"{file} is not a kubeconfig: it holds no keys", hint="kubectl config view")
    if circular:
        raise UsageError(
            f"{file} is not a kubeconfig: an anchor (&NAME) is used inside its own value; an alias (*NAME) may only stand outside",
            hint="kubectl config view",
        )
    for kind in _ENTRY_KEYS:
        names = [name for name, _ in _entries(found, kind, file)]
        if duplicates := {name for name in names if names.count(name) > 1}:
            raise UsageError(
                f"{file}: {kind} has more than one entry named {', '.join(sorted(duplicates))}",
                hint="remove the duplicates: kubectl refuses the file as well",
            )
    return found


def _contains_itself(value: Any, above: tuple[int, ...], done: set[int]) -> bool:
    """Whether a value is part of itself, as a YAML anchor can make it. `above`: the ids of the values around it."""
    if id(value) in above:
        return True
    if id(value) in done or not isinstance(value, dict | list):
        return False
    done.add(id(value))
    parts = value.values() if isinstance(value, dict) else value
    return any(_contains_itself(part, (*above, id(value)), done) for part in parts)


def _entries(document: Mapping[str, Any], kind: str, file: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield names and contents of one list. Raises UsageError for an entry of another form."""
    for number, each in enumerate(document.get(kind) or []):
        content = each.get(_ENTRY_KEYS[kind]) if isinstance(each, Mapping) else None
        if not isinstance(each, Mapping) or "name" not in each or not isinstance(content or {}, Mapping):
            raise UsageError(
                f"{file}: {kind}[{number}] is not an entry with `name` and `{_ENTRY_KEYS[kind]}`",
                hint="kubectl config view",
            )
        yield str(each["name"]), content or {}


def _find_context(
    documents: list[tuple[Path, Mapping[str, Any]]], name: str, where: str, *, asked: bool
) -> KubeContext:
    found = _first_entry(documents, "contexts", name)
    if found is None:
        what = "context" if asked else "current context"
        raise UsageError(f"{what} {name} is not in {where}", hint="kubectl config get-contexts")
    cluster_name, user_name = str(found.get("cluster") or ""), str(found.get("user") or "")
    cluster = _first_entry(documents, "clusters", cluster_name)
    if cluster is None or not cluster.get("server"):
        lacks = f"has no cluster {cluster_name}" if cluster is None else f"gives cluster {cluster_name} no server"
        raise UsageError(f"{where} {lacks}, which context {name} refers to", hint="kubectl config get-clusters")
    server = str(cluster["server"])
    if "://" not in server:  # like client-go: no TLS without a scheme, unless there is a certificate
        secure = any(key.startswith("certificate-authority") for key in cluster)
        server = f"{'https' if secure else 'http'}://{server}"
    user = _first_entry(documents, "users", user_name) or {}
    files = tuple(str(file) for file, _ in documents)
    return KubeContext(name, server.rstrip("/"), cluster, user, user_name, files)


def _first_entry(documents: list[tuple[Path, Mapping[str, Any]]], kind: str, name: str) -> dict[str, Any] | None:
    """Return the first entry of that name with absolute paths; None when there is none."""
    for file, document in documents:
        for each, content in _entries(document, kind, file):
            if each == name:
                paths = {key: str(file.parent / content[key]) for key in _PATH_KEYS.get(kind, ()) if content.get(key)}
                return {**content, **paths, **_exec_command(content, file)}
    return None


def _exec_command(content: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Make a plug-in's relative path absolute: it starts at the kubeconfig's folder. A bare name is looked up on PATH."""
    plug_in = content.get("exec")
    command = str(plug_in.get("command") or "") if isinstance(plug_in, Mapping) else ""
    if not isinstance(plug_in, Mapping) or os.sep not in command:
        return {}
    return {"exec": {**plug_in, "command": str(file.parent / command)}}


def _in_cluster_context() -> KubeContext:
    """Return the context of the pod that this program runs in: its API server and its service account."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT") or "443"
    if not (_SERVICE_ACCOUNT / "token").exists():
        raise ClusterError(
            "no cluster: this pod has no service account token, and there is no kubeconfig",
            hint="mount a token (automountServiceAccountToken: true), or set KUBECONFIG",
        )
    server = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    cluster = {"server": server, "certificate-authority": str(_SERVICE_ACCOUNT / "ca.crt")}
    return KubeContext(IN_CLUSTER, server, cluster, {"tokenFile": str(_SERVICE_ACCOUNT / "token")})
