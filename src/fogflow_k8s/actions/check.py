"""What must be there before anything is installed: one catalogue, from which the verb `check` grows."""

from __future__ import annotations

from collections.abc import Callable

from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.adapters import images
from fogflow_k8s.adapters.helm import parse_version
from fogflow_k8s.engine.checks import Check, Found, Result, run
from fogflow_k8s.errors import FogflowError, PreflightFailed

OLDEST_KUBERNETES = (1, 30, 0)


def prerequisites(op: Operation) -> list[Check]:
    """Docker without sudo, Helm, and a cluster that answers and is new enough.

    Docker is a warning only: the cluster runs the containers; the engine here merely helps to build and load images.
    """
    return [
        Check("helm", "helm is there and usable", lambda: _said(lambda: "v" + ".".join(map(str, op.helm.version)))),
        Check("cluster", "the cluster answers and is Kubernetes 1.30 or newer", lambda: _said(lambda: _kubernetes(op))),
        Check("docker", "docker is usable without sudo", _docker, warning=True),
    ]


def require(op: Operation) -> list[Result]:
    """The results of all prerequisites. Raises the first failed one's own error; warnings are reported."""
    results = run(prerequisites(op))
    for result in results:
        if result.state == "warning":
            op.report.log(f"note: {result.fact} (not needed to deploy; mend: {result.mend})")
        elif result.state == "failed":
            raise PreflightFailed(result.fact, hint=result.mend)
    return results


def _docker() -> Found:
    engine = images.engine()
    return Found(engine.usable, engine.fact, engine.mend)


def _kubernetes(op: Operation) -> str:
    version = parse_version(op.cluster.version)
    if version and version < OLDEST_KUBERNETES:
        raise PreflightFailed(
            f"the cluster is Kubernetes {op.cluster.version}; the chart needs 1.30 or newer", hint="upgrade the cluster, or choose another --context"
        )  # fmt: skip
    return op.cluster.version


def _said(probe: Callable[[], str]) -> Found:
    try:
        return Found(True, probe())
    except PreflightFailed as error:
        return Found(False, error.message, error.hint)
    except FogflowError:
        raise  # unreachable or forbidden has an exit code of its own
