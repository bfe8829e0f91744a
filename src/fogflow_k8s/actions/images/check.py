"""`images check`: whether the nodes can pull every image of the release.

Each registry is asked for the image's manifest, as a node would: without a login, then with the pull secrets of the image's
pods, then with the logins of this machine. Nothing is pulled, and the cluster is not changed.
"""

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
from fogflow_k8s.model.listed import listed
from fogflow_k8s.model.placement import node_fit

DEFAULT_PLATFORM = "linux/amd64"
_AT_ONCE = 8


@dataclass(frozen=True)
class TargetPlatforms:
    """The platforms that images must support: those of the cluster's nodes, or the ones that the user named."""

    nodes: tuple[Mapping[str, Any], ...] = ()
    platforms: tuple[str, ...] = ()

    def wanted_by(self, use: Use) -> dict[str, list[str]]:
        """Platform -> the nodes on which the scheduler may put a pod with this image; no nodes for platforms that the user named."""
        if self.platforms:
            return {platform: [] for platform in self.platforms}
        found: dict[str, list[str]] = {}
        for node in self.nodes:
            if any(not node_fit.why_not(pod, node) for pod in use.pods):
                found.setdefault(_platform_of_node(node), []).append(node_fit.name(node))
        if found:
            return found
        return {DEFAULT_PLATFORM if p == ANY_PLATFORM else p: [] for p in use.platforms}


@dataclass(frozen=True)
class RegistryAnswer:
    """A registry's answer about an image. `login`: where the accepted login was found; "" when it needs none."""

    digest: str = ""
    platforms: tuple[str, ...] = ()
    login: str = ""
    pull_quota: PullQuota | None = None
    failure: PreflightFailed | None = None


@dataclass(frozen=True)
class ImageReport:
    """The images, the answers of their registries, and the results of the checks."""

    wanted: ImageUses
    seen: Mapping[str, RegistryAnswer]
    results: tuple[Result, ...]

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not any(result.state == "failed" for result in self.results)

    @property
    def digests(self) -> dict[str, str]:
        """Image -> digest, for the images that exist."""
        return {image: seen.digest for image, seen in self.seen.items() if seen.digest}


@dataclass(frozen=True)
class PullSecrets:
    """The pull secrets that pods name: the logins of valid ones, the errors of others, and those that may not be read."""

    logins: Mapping[str, Logins] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)
    unseen: tuple[str, ...] = ()
    namespace: str = "fogflow"

    def remedy(self, name: str) -> str:
        """The command that makes a pull secret from the file of `docker login`, so that no password is on a command line."""
        return f"kubectl -n {self.namespace} create secret docker-registry {name} --from-file=.dockerconfigjson=$HOME/.docker/config.json"


def check(
    wanted: ImageUses, registries: Registries, own: Logins, nodes: TargetPlatforms, secrets: PullSecrets
) -> ImageReport:
    """Ask the registries for every image. `own`: the logins of this machine, which are used last."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = {str(u.image): pool.submit(_ask_registry, u, registries, own, secrets) for u in wanted.uses}
        seen = {image: future.result() for image, future in asked.items()}
    checks = [_image_check(use, seen[str(use.image)], nodes.wanted_by(use)) for use in wanted.uses]
    checks += [_secret_check(name, secrets) for name in sorted({*secrets.logins, *secrets.wrong, *secrets.unseen})]
    checks += [*_login_checks(wanted.uses, seen, own, secrets), *_hub_check(wanted.uses, seen)]
    return ImageReport(wanted, seen, tuple(run(checks)))


def secrets_of(op: Operation, uses: Sequence[Use]) -> PullSecrets:
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
                raise ValueError("it does not exist")  # noqa: TRY301 - handled like an unusable Secret
            logins[name] = pull_secret_logins(found)
        except ValueError as error:
            wrong[name] = f"{error} in namespace {op.namespace}" if found is None else str(error)
    return PullSecrets(logins, wrong, tuple(unseen), op.namespace)


def _ask_registry(use: Use, registries: Registries, own: Logins, secrets: PullSecrets) -> RegistryAnswer:
    """The answer to the first accepted login; else the refusal of the last login that was tried."""
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
                )  # the manifest would cost a pull
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
            None, f"{seen.digest[:19]} exists; its platforms were not checked: that costs a pull, and none is left"
        )
    missing = {p: names for p, names in wanted_by.items() if not any(fits(offered, p) for offered in seen.platforms)}
    if missing:
        which = " and ".join(f"{p}{f' ({listed(names, 3)})' if names else ''}" for p, names in missing.items())
        return CheckOutcome(
            False,
            f"not for {which}, only for {', '.join(seen.platforms) or 'nothing'}",
            "use an image for this platform, or keep its pods off these nodes: nodeSelector with kubernetes.io/arch",
        )
    return CheckOutcome(
        True,
        f"{seen.digest[:19]} for {', '.join(wanted_by)}{f', with the login in {seen.login}' if seen.login else ''}",
    )


def _secret_check(name: str, secrets: PullSecrets) -> Check:
    wrong = secrets.wrong.get(name, "")
    found = CheckOutcome(not wrong, wrong or "exists", secrets.remedy(name) if wrong else "")
    if name in secrets.unseen:
        found = CheckOutcome(None, "no permission to read it")
    return Check("secret", f"pull secret {name}", partial(_same, found))


def _login_checks(
    uses: Sequence[Use], seen: Mapping[str, RegistryAnswer], own: Logins, secrets: PullSecrets
) -> Iterator[Check]:
    """A warning for each registry that only accepts the logins of this machine: nodes may have their own login, or none."""
    for host in sorted({use.image.host for use in uses if seen[str(use.image)].login == own.where}):
        found = CheckOutcome(
            False,
            "the registry only accepts the login of this machine: no pod names a pull secret that it accepts",
            f"unless the nodes have their own login, name a pull secret in global.imagePullSecrets: {secrets.remedy('NAME')}",
        )
        yield Check("login", f"the pods' login for {host}", partial(_same, found), warning=True)


def _hub_check(uses: Sequence[Use], seen: Mapping[str, RegistryAnswer]) -> Iterator[Check]:
    rooms = [room for use in uses if use.image.host == HUB and (room := seen[str(use.image)].pull_quota)]
    if rooms:
        least = min(rooms, key=lambda room: room.remaining)
        found = CheckOutcome(
            least.remaining >= len(rooms),
            f"{least.remaining} of {least.limit} in {least.hours:g} hours are left for this machine; the release has {len(rooms)} images from there",
            "wait, give the nodes a login (global.imagePullSecrets), or mirror the images: fogflow-k8s images mirror",
        )
        yield Check("rate", f"pulls from {HUB}", partial(_same, found), warning=True)


def _same(found: CheckOutcome) -> CheckOutcome:
    return found


def _platform_of_node(node: Mapping[str, Any]) -> str:
    info = status_of(node).get("nodeInfo") or {}
    reported = f"{info.get('operatingSystem') or 'linux'}/{info['architecture']}" if info.get("architecture") else ""
    named = platform_of(labels_of(node))
    return reported or (DEFAULT_PLATFORM if named == ANY_PLATFORM else named)
