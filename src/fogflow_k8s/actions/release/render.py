"""Render: the two files a person reads and keeps, and the manifests that `kubectl apply` or a GitOps tool takes.

Helm's hooks and tests are left out unless asked for: to kubectl they are objects like any other, so an apply would start
the Job that ends everything before an uninstall. No password is in the files and none is made up: the Secrets that the
manifests name are made beforehand, and `Rendered.before` has the commands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fogflow_k8s.actions.preconditions.prerequisites import OLDEST_KUBERNETES
from fogflow_k8s.actions.preconditions.references import BUS_SECRET, name_secret
from fogflow_k8s.adapters.helm.client import Helm, parse_version
from fogflow_k8s.adapters.settings.render import render_config, render_values
from fogflow_k8s.adapters.state_dir import write_private
from fogflow_k8s.errors import UsageError
from fogflow_k8s.model import manifests
from fogflow_k8s.model.settings.values import Values

OLDEST = "v" + ".".join(map(str, OLDEST_KUBERNETES))
"""The oldest Kubernetes that the chart supports, as `helm template --kube-version` takes it."""
_VERSION = re.compile(r"v?\d+\.\d+(\.\d+([-+][0-9A-Za-z]+([.+-][0-9A-Za-z]+)*)?)?")


@dataclass(frozen=True)
class Rendered:
    """The files written, and the commands to run before the manifests are applied."""

    files: tuple[Path, ...]
    before: tuple[str, ...]


def render(
    helm: Helm, chart: Path, values: Values, folder: Path, *, kube_version: str, hooks: bool = False
) -> Rendered:
    """Write config.json, values.yaml, its schema and manifests.yaml. The same input gives the same bytes.

    Raises UsageError when the folder cannot be made, or the chart does not support `kube_version`.
    """
    if not supported(kube_version):
        raise UsageError(
            f"--kube-version {kube_version}: the chart needs Kubernetes {OLDEST} or newer, written like {OLDEST}",
            hint=f"--kube-version {OLDEST}",
        )
    named = _with_secret(values)
    made = helm.read_text(helm.start_template(chart, named.given(), kube_version=kube_version, hooks=hooks))
    texts = {
        "config.json": render_config(named.config),
        "values.yaml": render_values(named),
        # what the editor's hint in values.yaml points to
        "values.schema.json": (chart / "values.schema.json").read_text(encoding="utf-8"),
        "manifests.yaml": made,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(
            f"{folder} is not a folder", hint="give -o a folder, or a name that does not exist yet"
        ) from error
    for name, text in texts.items():
        write_private(folder / name, text, mode=0o644)
    before = _before(manifests.every(made), helm.target.namespace, random=not values.rabbitmq.auth.password)
    return Rendered(tuple(folder / name for name in texts), tuple(before))


def supported(kube_version: str) -> bool:
    """Whether it is a version of Kubernetes that the chart can be installed on."""
    found = parse_version(kube_version) if _VERSION.fullmatch(kube_version) else None
    return found is not None and found >= OLDEST_KUBERNETES


def _with_secret(values: Values) -> Values:
    """The same values, naming the password's Secret: a generated one would differ at each render, and a given one is no file's."""
    name = values.rabbitmq.auth.existing_secret or BUS_SECRET
    return Values.model_validate(name_secret(values.given(), name)[0])


def _before(objects: Sequence[Mapping[str, Any]], namespace: str, *, random: bool) -> list[str]:
    """The commands that make the namespace and every Secret that the manifests name and do not bring.

    `random`: the user gave no password for RabbitMQ, so any will do.
    """
    keys: dict[str, set[str]] = {}
    for reference in manifests.missing_references(objects):
        if reference.kind == "Secret":
            keys.setdefault(reference.name, set()).update({reference.key} - {""})
    pulls = {
        str(each.get("name"))
        for o in manifests.workloads(objects)
        for each in manifests.pod_spec(o).get("imagePullSecrets") or []
    }
    make = f"kubectl -n {namespace} create secret"
    commands = [f"kubectl create namespace {namespace}"]
    for name, some in keys.items():
        if name == BUS_SECRET and random:
            commands.append(
                f"head -c 24 /dev/urandom | base64 | tr -d '\\n' | {make} generic {name} --from-file=password=/dev/stdin"
            )
        elif name in pulls:
            login = "--docker-server=REGISTRY --docker-username=USER --docker-password=PASSWORD"
            commands.append(f"{make} docker-registry {name} {login}")
        else:
            files = " ".join(f"--from-file={key}=FILE" for key in sorted(some)) or "--from-file=KEY=FILE"
            commands.append(f"{make} generic {name} {files}")
    return commands
