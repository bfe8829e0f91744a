"""The support archive: the state of a release in one file, with its secrets masked.

`fogflow-k8s bundle` writes one on request; a failed deploy or rollback writes one by itself. Collectors (collectors.py) gather
the objects, logs and Helm's history at the same time. The archive's index lists the files, and what could not be collected.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from fogflow_k8s import __version__
from fogflow_k8s.actions.bundle.collector_output import CollectorOutput, Limits
from fogflow_k8s.actions.bundle.collectors import Collector, collectors
from fogflow_k8s.actions.known_secrets import SecretMask, secret_mask
from fogflow_k8s.actions.operation import Operation
from fogflow_k8s.adapters.archive import Archive
from fogflow_k8s.errors import UsageError
from fogflow_k8s.model.diagnosis.assessment import Assessment
from fogflow_k8s.model.redaction import bundle_index
from fogflow_k8s.model.redaction.bundle_index import Part
from fogflow_k8s.model.redaction.redactor import Redactor
from fogflow_k8s.model.suggestions import suggestion

MEGABYTE = 1_000_000
SMALLEST = MEGABYTE // 10  # a smaller archive has no room for the index
GRACE_S = 0.5  # for a collector to write what it has when its time is up
BEFORE_ROLLBACK_S = 4.0  # a rollback must not wait longer than this for the archive
AT_FAILURE_S = 20.0


@dataclass(frozen=True)
class Request:
    """What goes into the archive, and how much of it. `extra`: further collectors, of the caller."""

    path: Path
    when: datetime
    why: str = "requested"
    since_s: int = 86_400
    revisions: int = 3  # the newest of Helm's
    include: tuple[str, ...] = ()  # empty: all
    exclude: tuple[str, ...] = ()
    max_bytes: int = 50 * MEGABYTE
    timeout_s: float = 60.0
    extra: Sequence[Collector] = field(default=())


@dataclass(frozen=True)
class Bundle:
    """An archive that was written."""

    path: Path
    size: int
    seconds: float
    parts: tuple[Part, ...]
    warnings: tuple[str, ...] = ()

    @property
    def masked(self) -> Counter[str]:
        """How often each rule masked something."""
        return bundle_index.masked(self.parts)


def name_of(release: str, when: datetime) -> str:
    """The name of the archive and of the folder in it."""
    return f"{release}-{when:%Y%m%dT%H%M%SZ}"


def make(op: Operation, request: Request) -> Bundle:
    """Run all collectors at the same time and write the archive. An error of one is a line of the index. Raises UsageError, OSError."""
    start = op.clock.now()
    when = request.when
    root = name_of(op.release, when)
    with Archive(request.path, root, limit=request.max_bytes - SMALLEST // 2, mtime=when) as archive:
        mask = _secret_mask(op, min(10.0, request.timeout_s / 2))
        wanted = _selected(
            request,
            [
                *collectors(op, since_s=request.since_s, revisions=request.revisions, secret_mask=mask),
                *request.extra,
            ],
        )
        left = start + request.timeout_s - op.clock.now()
        parts = _collect(op, wanted, archive, mask, request, max(left, 0.1))
        facts = {
            "release": op.release,
            "namespace": op.namespace,
            "context": op.cluster.context,
            "server": op.cluster.server,
            "made": f"{when:%Y-%m-%dT%H:%M:%SZ}",
            "why": request.why,
            "by": f"fogflow-k8s {__version__}",
            "byValue": mask.why or "every value of the Secrets is masked, however it is written",
        }
        facts = mask.redactor.object(facts)
        index = json.dumps(bundle_index.index(facts, parts), indent=1, ensure_ascii=False) + "\n"
        archive.add("index.json", index.encode(), ignore_limit=True)
        archive.add("index.md", bundle_index.page(facts, parts).encode(), ignore_limit=True)
    return Bundle(request.path, archive.size, op.clock.now() - start, tuple(parts), _warnings(parts))


def save(op: Operation, seen: Assessment, *, why: str, going_back: bool = False) -> Path | None:
    """Write the archive of a failure: its path; None when archives are off. An error is a warning, as it must not stop a rollback.

    `going_back`: a rollback follows. Then Helm's history is left out: the rollback keeps it, and Helm takes long to print it.
    """
    if op.bundles is None:
        return None
    when = op.today()
    path = op.bundles / f"{name_of(op.release, when)}.tar.gz"
    found = {"causes": [asdict(c) for c in seen.causes], "components": [asdict(c) for c in seen.components]}
    extra = (Collector("assessment", lambda output: output.put("assessment.json", found)),)
    try:
        op.bundles.mkdir(parents=True, exist_ok=True, mode=0o700)
        limits = {"exclude": ("helm",), "timeout_s": BEFORE_ROLLBACK_S} if going_back else {"timeout_s": AT_FAILURE_S}
        return make(op, Request(path, when, why=why, extra=extra, **limits)).path
    except OSError as error:
        op.report.warn(f"the support archive could not be saved: {error}")
        return None


def _secret_mask(op: Operation, timeout_s: float) -> SecretMask:
    """The known secrets; by patterns alone when the API server does not answer within `timeout_s`."""
    answer: list[SecretMask] = []

    def ask() -> None:
        answer.append(secret_mask(op.cluster, op.release, op.namespaces))

    thread = threading.Thread(target=ask, name="bundle-secrets", daemon=True)
    thread.start()
    thread.join(timeout_s)
    op.assume()  # the collectors are constructed in this thread, which must not wait for the API server
    return answer[0] if answer else SecretMask(Redactor(), why=f"the API server gave no answer within {timeout_s:g} s")


def _selected(request: Request, every: Sequence[Collector]) -> list[Collector]:
    names = [c.name for c in every]
    for flag, given in (("--include", request.include), ("--exclude", request.exclude)):
        for name in given:
            if name not in names:
                raise UsageError(
                    f"{flag}: there is no collector {name!r}", hint=suggestion(name, names, f"one of {', '.join(names)}")
                )  # fmt: skip
    return [c for c in every if (not request.include or c.name in request.include) and c.name not in request.exclude]


def _collect(
    op: Operation, wanted: Sequence[Collector], archive: Archive, mask: SecretMask, request: Request, left_s: float
) -> list[Part]:
    """Run each collector in a daemon thread. The program would wait at its end for the threads of an executor, and one may hang."""
    outputs: list[CollectorOutput] = []
    end = op.clock.now() + left_s
    for collector in wanted:
        limits = Limits(
            int(collector.share * request.max_bytes), min(collector.seconds, max(left_s - GRACE_S, left_s / 2))
        )
        output = CollectorOutput(collector.name, archive, mask.redactor, limits, op.clock)
        outputs.append(output)
        collect = collector.collect
        if collector.blind and mask.why and collector.name not in request.include:
            collect = _left_out
        threading.Thread(target=output.run, args=(collect,), name=f"bundle-{output.name}", daemon=True).start()
    return [output.close(end - op.clock.now()) for output in outputs]


def _left_out(output: CollectorOutput) -> None:
    output.note_gap(
        "left out: the Secrets cannot be read, so their values cannot be masked; "
        "--include NAME collects it all the same, masked by patterns alone"
    )


def _warnings(parts: Sequence[Part]) -> tuple[str, ...]:
    """The errors of all collectors, each once, with the collectors that met it."""
    found: dict[str, list[str]] = {}
    for part in parts:
        for error in part.errors:
            found.setdefault(error, []).append(part.name)
    return tuple(f"{', '.join(dict.fromkeys(names))}: {error}" for error, names in found.items())
