"""The prerequisites of a deploy: helm and a cluster that answers; kubectl and docker are recommended.

`deploy` requires the first two; `check` shows all of them as its first checks.
"""

from __future__ import annotations

from collections.abc import Callable

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.adapters.docker import engine as docker_engine
from fogflow_k8s.adapters.helm.client import parse_version
from fogflow_k8s.adapters.kubernetes import kubectl
from fogflow_k8s.engine.checks import Check, CheckOutcome, Result, run
from fogflow_k8s.errors import FogflowError, PreflightFailed

OLDEST_KUBERNETES = (1, 30, 0)


def prerequisites(op: Operation) -> list[Check]:
    """The checks: helm, a cluster that answers and is new enough, kubectl, and docker without sudo.

    The last two are only warnings: kubectl is used by the commands in messages, and docker to build and load images.
    """
    return [
        Check(
            "helm",
            "helm is installed and usable",
            lambda: _outcome_of(lambda: "v" + ".".join(map(str, op.helm.version))),
        ),
        Check(
            "cluster",
            "the cluster answers and runs Kubernetes 1.30 or newer",
            lambda: _outcome_of(lambda: _kubernetes(op)),
        ),
        Check("kubectl", "kubectl is installed and matches the cluster's version", lambda: _kubectl(op), warning=True),
        Check("docker", "docker is usable without sudo", _docker, warning=True),
    ]


def require(op: Operation) -> list[Result]:
    """Run the checks that are not warnings. Raises PreflightFailed with the first failed one, and errors of the cluster."""
    results = run([check for check in prerequisites(op) if not check.warning])
    for result in results:
        if result.state == "failed":
            raise PreflightFailed(result.detail, hint=result.remedy)
    return results


def _docker() -> CheckOutcome:
    engine = docker_engine.engine_status()
    needed = "" if engine.usable else " (a deploy does not need it)"
    return CheckOutcome(engine.usable, engine.detail + needed, engine.remedy)


def _kubectl(op: Operation) -> CheckOutcome:
    version = kubectl.client_version(op.helm.runner)
    remedy = "https://kubernetes.io/docs/tasks/tools"
    if not version:
        return CheckOutcome(False, "neither $KUBECTL nor PATH has a kubectl that reports its version", remedy)
    if not kubectl.is_within_skew(version, op.cluster.version):
        return CheckOutcome(
            False,
            f"kubectl {version} is more than one minor version away from the cluster's {op.cluster.version}",
            remedy,
        )
    return CheckOutcome(True, version)


def _kubernetes(op: Operation) -> str:
    version = parse_version(op.cluster.version)
    if version and version < OLDEST_KUBERNETES:
        raise PreflightFailed(
            f"the cluster is Kubernetes {op.cluster.version}; the chart needs 1.30 or newer", hint="upgrade the cluster, or choose another --context"
        )  # fmt: skip
    return op.cluster.version


def _outcome_of(probe: Callable[[], str]) -> CheckOutcome:
    try:
        return CheckOutcome(True, probe())
    except PreflightFailed as error:
        return CheckOutcome(False, error.message, error.hint)
    except FogflowError:
        raise  # an unreachable or forbidden cluster has its own exit code
