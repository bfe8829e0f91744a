"""Can the nodes pull every image? Each registry is asked, nothing is pulled and the cluster is not changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fogflow_k8s.actions.images.listing import ImageUses, Registries
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.adapters.registry.client import PullQuota
from fogflow_k8s.adapters.registry.credentials import Logins, pull_secret_logins
from fogflow_k8s.adapters.registry.errors import LoginNeeded
from fogflow_k8s.engine.checks import Check, CheckOutcome, Result, run
from fogflow_k8s.errors import ClusterError, PreflightFailed
from fogflow_k8s.model.image.reference import ANY_PLATFORM, HUB, Use, fits, platform_of
from fogflow_k8s.model.kubernetes import labels_of, status_of
from fogflow_k8s.model.placement import node_fit

DEFAULT_PLATFORM = "linux/amd64"
_AT_ONCE = 8


@dataclass(frozen=True)
class Nodes:
    """For which platforms images are wanted: by the nodes of a cluster, or as somebody said."""

    nodes: tuple[Mapping[str, Any], ...] = ()
    said: tuple[str, ...] = ()

    def wanted_by(self, use: Use) -> dict[str, list[str]]:
        """Platform -> the nodes of it on which the scheduler may put a pod with this image; no names when it was said."""
        if self.said:
            return {platform: [] for platform in self.said}
        found: dict[str, list[str]] = {}
        for node in self.nodes:
            if any(not node_fit.why_not(pod, node) for pod in use.pods):
                found.setdefault(_platform_of_node(node), []).append(node_fit.name(node))
        if found:
            return found
        return {DEFAULT_PLATFORM if p == ANY_PLATFORM else p: [] for p in use.platforms}


@dataclass(frozen=True)
class RegistryAnswer:
    """What a registry says of an image; `login` is where the login was found that it took, "" when it asked for none."""

    digest: str = ""
    platforms: tuple[str, ...] = ()
    login: str = ""
    pull_quota: PullQuota | None = None
    failure: PreflightFailed | None = None


@dataclass(frozen=True)
class Checked:
    """Every image, what its registry said, and what to think of it."""

    wanted: ImageUses
    seen: Mapping[str, RegistryAnswer]
    results: tuple[Result, ...]

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not any(result.state == "failed" for result in self.results)

    @property
    def digests(self) -> dict[str, str]:
        """Image -> digest, of those that were found."""
        return {image: seen.digest for image, seen in self.seen.items() if seen.digest}


@dataclass(frozen=True)
class Secrets:
    """The pull secrets that pods name: those that hold logins, what is wrong with others, and those we may not see."""

    logins: Mapping[str, Logins] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)
    unseen: tuple[str, ...] = ()
    namespace: str = "fogflow"

    def mend(self, name: str) -> str:
        """How to make one out of what `docker login` keeps: no password on a command line."""
        return f"kubectl -n {self.namespace} create secret docker-registry {name} --from-file=.dockerconfigjson=$HOME/.docker/config.json"


def check(wanted: ImageUses, registries: Registries, own: Logins, nodes: Nodes, secrets: Secrets) -> Checked:
    """Ask for every image as a node would: without a login, then with its pods' pull secrets, at last with our `own`."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = {str(u.image): pool.submit(_see, u, registries, own, secrets) for u in wanted.uses}
        seen = {image: future.result() for image, future in asked.items()}
    checks = [_image_check(use, seen[str(use.image)], nodes.wanted_by(use)) for use in wanted.uses]
    checks += [_secret_check(name, secrets) for name in sorted({*secrets.logins, *secrets.wrong, *secrets.unseen})]
    checks += [*_login_checks(wanted.uses, seen, own, secrets), *_hub_check(wanted.uses, seen)]
    return Checked(wanted, seen, tuple(run(checks)))


def secrets_of(op: Operation, uses: Sequence[Use]) -> Secrets:
    """Read the pull secrets that the pods name. Raises ClusterError."""
    logins, wrong, unseen = {}, {}, []
    for name in sorted(
        {str(s.get("name")) for use in uses for pod in use.pods for s in pod.get("imagePullSecrets") or []}
    ):
        try:
            found = op.cluster.get("Secret", name, op.namespace)
        except ClusterError as error:
            if error.status != 403:
                raise
            unseen.append(name)
            continue
        try:
            if found is None:
                raise ValueError("it does not exist")  # noqa: TRY301 - one way to say what is wrong with it
            logins[name] = pull_secret_logins(found)
        except ValueError as error:
            wrong[name] = f"{error} in namespace {op.namespace}" if found is None else str(error)
    return Secrets(logins, wrong, tuple(unseen), op.namespace)


def _see(use: Use, registries: Registries, own: Logins, secrets: Secrets) -> RegistryAnswer:
    """The first answer that is no refusal; else the last one, which is about the best login that there was."""
    failure: PreflightFailed | None = None
    image = use.image
    for logins in (None, *(secrets.logins[name] for name in use.secrets if name in secrets.logins), own):
        try:
            if logins and not logins.of(image.host):
                continue
            registry = registries.at(image.host, logins)
            head = registry.head_manifest(image)
            if head.pull_quota and not head.pull_quota.remaining:
                return RegistryAnswer(
                    head.digest, (), logins.where if logins else "", head.pull_quota
                )  # a look would cost a pull
            manifest = registry.manifest(image.repository, image.version)
            platforms = registry.platforms(image.repository, manifest)
            return RegistryAnswer(manifest.digest, platforms, logins.where if logins else "", head.pull_quota)
        except LoginNeeded as error:
            failure = error
        except PreflightFailed as error:
            return RegistryAnswer(failure=error)
    return RegistryAnswer(failure=failure)


def _image_check(use: Use, seen: RegistryAnswer, wanted_by: Mapping[str, Sequence[str]]) -> Check:
    return Check("image", use.image.short, partial(_image_found, seen, wanted_by))


def _image_found(seen: RegistryAnswer, wanted_by: Mapping[str, Sequence[str]]) -> CheckOutcome:
    if seen.failure:
        return CheckOutcome(False, seen.failure.message, seen.failure.hint)
    if seen.pull_quota and not seen.pull_quota.remaining:
        return CheckOutcome(
            None, f"{seen.digest[:19]} is there; for which platforms was not asked: it costs a pull, and none is left"
        )
    lacking = {p: names for p, names in wanted_by.items() if not any(fits(offered, p) for offered in seen.platforms)}
    if lacking:
        which = " and ".join(f"{p}{f' ({_few(names)})' if names else ''}" for p, names in lacking.items())
        return CheckOutcome(
            False,
            f"not for {which}, only for {', '.join(seen.platforms) or 'nothing'}",
            "use an image for it, or keep its pods off such nodes: nodeSelector, kubernetes.io/arch",
        )
    return CheckOutcome(
        True,
        f"{seen.digest[:19]} for {', '.join(wanted_by)}{f', with the login in {seen.login}' if seen.login else ''}",
    )


def _secret_check(name: str, secrets: Secrets) -> Check:
    wrong = secrets.wrong.get(name, "")
    found = CheckOutcome(not wrong, wrong or "there", secrets.mend(name) if wrong else "")
    if name in secrets.unseen:
        found = CheckOutcome(None, "no right to read it")
    return Check("secret", f"pull secret {name}", partial(_same, found))


def _login_checks(
    uses: Sequence[Use], seen: Mapping[str, RegistryAnswer], own: Logins, secrets: Secrets
) -> Iterator[Check]:
    """A login that only this machine has helps no node, unless the nodes have one of their own: so this only warns."""
    for host in sorted({use.image.host for use in uses if seen[str(use.image)].login == own.where}):
        found = CheckOutcome(
            False,
            "answers with the login of this machine only: no pod names a pull secret that it takes",
            f"unless the nodes log in by themselves, name one under global.imagePullSecrets: {secrets.mend('NAME')}",
        )
        yield Check("login", f"the pods' login for {host}", partial(_same, found), warning=True)


def _hub_check(uses: Sequence[Use], seen: Mapping[str, RegistryAnswer]) -> Iterator[Check]:
    rooms = [room for use in uses if use.image.host == HUB and (room := seen[str(use.image)].pull_quota)]
    if rooms:
        least = min(rooms, key=lambda room: room.remaining)
        found = CheckOutcome(
            least.remaining >= len(rooms),
            f"{least.remaining} of {least.limit} in {least.hours:g} hours are left for this machine; {len(rooms)} images are there",
            "wait, log the nodes in (global.imagePullSecrets), or mirror: fogflow-k8s images mirror",
        )
        yield Check("rate", f"pulls from {HUB}", partial(_same, found), warning=True)


def _same(found: CheckOutcome) -> CheckOutcome:
    return found


def _platform_of_node(node: Mapping[str, Any]) -> str:
    info = status_of(node).get("nodeInfo") or {}
    said = f"{info.get('operatingSystem') or 'linux'}/{info['architecture']}" if info.get("architecture") else ""
    named = platform_of(labels_of(node))
    return said or (DEFAULT_PLATFORM if named == ANY_PLATFORM else named)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
