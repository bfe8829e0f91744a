"""`render`: write config.json, values.yaml and the manifests, for `kubectl apply` or a GitOps tool.

Helm's hooks and tests are left out by default: kubectl treats them like other objects, so an apply would run the cleanup hook,
which ends everything before an uninstall. The files contain no password: the user makes the Secrets that the manifests
name before the apply, with the commands in `Rendered.before`.
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
        # the schema that the first line of values.yaml refers to
        "values.schema.json": (chart / "values.schema.json").read_text(encoding="utf-8"),
        "manifests.yaml": made,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(
            f"{folder} is not a folder", hint="name a folder, or a path that does not exist yet, with -o"
        ) from error
    for name, text in texts.items():
        write_private(folder / name, text, mode=0o644)
    before = _before(manifests.every(made), helm.target.namespace, random=not values.rabbitmq.auth.password)
    return Rendered(tuple(folder / name for name in texts), tuple(before))


def supported(kube_version: str) -> bool:
    """Whether the chart supports this version of Kubernetes."""
    found = parse_version(kube_version) if _VERSION.fullmatch(kube_version) else None
    return found is not None and found >= OLDEST_KUBERNETES


def _with_secret(values: Values) -> Values:
    """The values with a Secret in place of the password: a generated one would change at each render, a given one must not be written."""
    name = values.rabbitmq.auth.existing_secret or BUS_SECRET
    return Values.model_validate(name_secret(values.given(), name)[0])


def _before(objects: Sequence[Mapping[str, Any]], namespace: str, *, random: bool) -> list[str]:
    """The commands that make the namespace, and every Secret that the manifests refer to and do not contain.

    `random`: the user gave no password for RabbitMQ, so the command makes a random one.
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
