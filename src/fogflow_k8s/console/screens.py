"""The screens of `status`, `deploy`, `rollback`, `history` and `verify`. Each function turns one result into text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from fogflow_k8s.actions.observe.status import Report
from fogflow_k8s.actions.observe.verify import Proof
from fogflow_k8s.actions.release.outcome import Outcome
from fogflow_k8s.console.diff import diff_screen
from fogflow_k8s.model.diagnosis.catalogue import Cause
from fogflow_k8s.model.names import release_option
from fogflow_k8s.model.release.history import PENDING, Revision, taken_back

_COLOURS = {
    "working": "green",
    "unverified": "green",
    "progressing": "yellow",
    "degraded": "yellow",
    "failed": "red",
    "absent": "dim",
}

_WORKERS = {
    "upstream": "upstream: when it is lost, all tasks start again",
    "native": "native: tasks keep running while it is replaced or lost",
}
_UNFINISHED = {
    "failed": "it was not completed; fogflow-k8s deploy makes a new revision",
    **dict.fromkeys(PENDING, "helm is at work, or was interrupted: fogflow-k8s doctor tells which"),
}
"""What to do about a revision with this status."""


def status_screen(
    report: Report, causes: Sequence[Cause] | None = None, *, now: datetime | None = None
) -> RenderableType:
    """The whole state: cluster, release, one row per component, repairs, tasks, addresses and causes."""
    revision = report.revision
    where = f"{report.context} · namespace {report.namespace}"
    what = (
        f"{report.release} revision {revision.number} ({revision.status})  {revision.chart}, FogFlow {revision.app_version}"
        if revision
        else report.release
    )
    state = Text(report.state, _COLOURS[report.state])
    if report.state == "unverified":
        state.append(f": {report.why_unchecked}", "default")
    elif (health := report.assessment.health) and health.checked and health.age_s is not None:
        state.append(f": {health.why or 'checked by the keeper'} ({health.age_s:.0f} s ago)", "default")
    shown = report.assessment.causes if causes is None else causes
    # the end of an operation says it in its own words
    advice = _UNFINISHED.get(revision.status) if revision and causes is None and not report.operation else None
    parts: list[RenderableType] = [
        Text(f"Cluster  {where}"),
        Text(f"Release  {what}"),
        *([Text(f"         > {advice}")] if advice else []),
        Text("State    ") + state,
    ]
    if other := report.operation:
        parts.append(
            Text(f"Busy     {other.holder} has been changing the release since {other.began}: {other.command}")
        )
        parts.append(Text("         > wait for it; if it was killed, the next deploy or rollback takes over"))
    if report.worker and report.state != "absent":
        parts.append(Text(f"Worker   {_WORKERS[report.worker]}"))
    if report.assessment.components:
        parts += [Text(""), _components(report, now or datetime.now(UTC))]
    parts += _repairs(report)
    if report.tasks:
        hint = "" if report.tasks.keys() <= {"Running", "Completed"} else " (fogflow-k8s task list says why)"
        states = ", ".join(f"{n} {s}" for s, n in sorted(report.tasks.items()))
        parts += [Text(""), Text(f"Tasks    {states}{hint}")]
    if report.urls and report.state != "absent":
        parts += [Text(""), Text("Open     " + "  ".join(report.urls))]
    parts += _causes(shown)
    return Group(*parts)


def short_screen(report: Report) -> RenderableType:
    """The state in one line, and one more per cause: for shell prompts and chat messages."""
    components = report.assessment.components
    ready = sum(c.verdict.state == "ready" for c in components)
    number, helm = (report.revision.number, report.revision.status) if report.revision else (0, "deployed")
    revision = (f" revision {number}" if number else "") + (f" ({helm})" if helm != "deployed" else "")
    head = Text.assemble(
        f"{report.release}{revision}: ", (report.state, _COLOURS[report.state]), f", {ready}/{len(components)} ready"
    )
    return Group(head, *(Text(f"{c.id} {c.summary}") for c in report.assessment.causes if c.kind != "blocked"))


def outcome_screen(outcome: Outcome, *, now: datetime | None = None) -> RenderableType:
    """The result of a deploy or rollback: what happened, the causes, what the command did, and the next commands."""
    good = outcome.exit_code == 0
    what = outcome.result.replace("-", " ")
    if outcome.dry_run:
        what = "dry run"
    seconds = outcome.seconds
    took = f"{seconds.get('total', 0):.1f} s (helm {seconds.get('helm', 0):.1f}, waiting {seconds.get('wait', 0):.1f})"
    head = Text.assemble((f"{'✔' if good else '✗'} {what}", "bold green" if good else "bold red"), f" in {took}")
    parts: list[RenderableType] = [Text(""), head]
    if not good:
        parts += _failure(outcome)
    elif outcome.detail:
        parts.append(Text(f"  {outcome.detail}"))
    if outcome.difference:
        return Group(diff_screen(outcome.difference), *parts)
    parts += [Text(""), status_screen(outcome.report, () if not good else None, now=now), Text("")]
    parts += [Text(line) for line in _next(outcome)]
    return Group(*parts)


def history_screen(revisions: Sequence[Revision]) -> RenderableType:
    """One row per revision, newest last."""
    table = _table(
        "REVISION", "UPDATED", "STATUS", "WORKED", "CHART", "FOGFLOW", "BY", "DESCRIPTION", may_shrink=("DESCRIPTION",)
    )
    back = taken_back(revisions)
    for r in revisions:
        when = r.updated[:19].replace("T", " ")
        cells = (
            str(r.number),
            when,
            r.status,
            "yes" if r.verified else "taken back" if r.number in back else "",
            r.chart,
            r.app_version,
            r.by,
            r.description,
        )
        table.add_row(
            *(Text(c, no_wrap=True, overflow="ellipsis") for c in cells)
        )  # as Text: rich would read brackets in a description as markup
    return table


def proof_screen(proof: Proof) -> RenderableType:
    """One line per step of a verification, and the verdict."""
    lines = [
        Text.assemble(
            ("✔" if s.ok else "✗", "green" if s.ok else "red"), f" {s.name:<26}{s.ms:>7.0f} ms  {s.why}".rstrip()
        )
        for s in proof.steps
    ]
    verdict = Text("FogFlow works", "bold green") if proof.ok else Text("FogFlow does not work", "bold red")
    return Group(*lines, Text(""), verdict)


def lines_screen(title: str, lines: Iterable[str]) -> RenderableType:
    """A titled list."""
    return Group(Text(title, "bold"), *(Text(f"  {line}") for line in lines))


def show(console: Console, what: RenderableType) -> None:
    """Print a screen; long lines are cut by the terminal, never wrapped inside a table's row."""
    console.print(what, soft_wrap=True, highlight=False)


def _components(report: Report, now: datetime) -> Table:
    table = _table("COMPONENT", "READY", "STATE", "RESTARTS", "AGE", "CAUSE", "IMAGE", may_shrink=("STATE", "IMAGE"))
    for c in report.assessment.components:
        verdict = c.verdict
        colour = {"ready": "green", "waiting": "yellow", "failed": "red"}[verdict.state]
        word = verdict.state if verdict.state == "ready" else (c.phase or verdict.reason)
        row: list[str | Text] = [
            c.name,
            f"{verdict.ready}/{verdict.desired}",
            Text(word, colour, no_wrap=True, overflow="ellipsis"),
            str(c.restarts),
            age(c.created, now),
            c.cause,
            c.image,
        ]
        table.add_row(
            *(cell if isinstance(cell, Text) else Text(cell, no_wrap=True, overflow="ellipsis") for cell in row)
        )
    return table


def age(created: str, now: datetime) -> str:
    """How long ago, as kubectl writes it: 42s, 7m, 3h, 2d; empty when unknown."""
    if not created:
        return ""
    seconds = int((now - datetime.fromisoformat(created)).total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"


def _repairs(report: Report) -> list[RenderableType]:
    """The last repairs of the keeper, so that users notice them."""
    health = report.assessment.health
    lines = [
        f"{str(repair.get('when', ''))[:19].replace('T', ' ')}  {repair.get('what', '')}: {repair.get('why', '')}"
        for repair in (health.repairs[-3:] if health else ())
    ]
    return (
        [Text(""), *(Text(f"{'Repairs  ' if not i else '         '}{line}") for i, line in enumerate(lines))]
        if lines
        else []
    )


def _causes(causes: Sequence[Cause]) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for i, c in enumerate(causes):
        colour = {"permanent": "red", "transient": "yellow", "blocked": "dim"}[c.kind]
        parts.append(Text(""))
        if c.kind == "blocked":
            if i and causes[i - 1].kind == "blocked":
                parts.pop()
            parts.append(Text(f"         {c.summary}", colour))
            continue
        head = "Cause    " if i == 0 else "Also     "
        parts.append(Text.assemble((head, "bold"), (f"{c.id} {c.summary}", colour)))
        parts += [Text(f"           {line}") for line in c.evidence]
        parts += [Text(f"         > {line}") for line in c.advice]
    return parts


def _failure(outcome: Outcome) -> list[RenderableType]:
    parts = _causes(outcome.causes)
    if outcome.error and not outcome.causes:
        parts += [Text(""), Text(f"Helm     {outcome.error}")]
    if outcome.detail:
        parts += [Text(""), Text.assemble(("Done     ", "bold"), outcome.detail)]
    if outcome.bundle:
        parts.append(Text.assemble(("Bundle   ", "bold"), str(outcome.bundle)))
    return parts


def _next(outcome: Outcome) -> list[str]:
    report = outcome.report
    flags = f" -n {report.namespace}{release_option(report.release)}"
    if outcome.exit_code == 0:
        forward = (
            f"kubectl -n {report.namespace} port-forward service/nginx 8080:80, then http://localhost:8080/index.html"
        )
        has_dashboard = any(c.name == "nginx" for c in report.assessment.components)  # an edge has no dashboard
        # an exposed address is printed above, after "Open"
        lines = [f"Dashboard          {forward}"] if has_dashboard and not report.urls else []
        if report.bus_secret:
            read = f"kubectl -n {report.namespace} get secret {report.bus_secret} -o jsonpath='{{.data.password}}' | base64 -d"
            lines.append(f"RabbitMQ password  {read}")
        return [*lines, f"Next               fogflow-k8s status{flags}"]
    again = f"fogflow-k8s deploy ...{flags}   (after you have resolved the cause)"
    if outcome.result == "unchanged":
        return ["Next:", f"  {again}"]
    first = bool(report.revision and report.revision.number == 1)
    way_out = f"fogflow-k8s uninstall{flags}" if first else f"fogflow-k8s rollback{flags}"
    commands = {
        "timed-out": [f"fogflow-k8s status --wait{flags}"],
        "left-failed": [again, f"fogflow-k8s status{flags}", way_out],
        "rolled-back": [again, f"fogflow-k8s status{flags}"],
    }.get(outcome.result, [f"fogflow-k8s status{flags}"])
    return ["Next:", *(f"  {c}" for c in [*commands, f"fogflow-k8s history{flags}"])]


def _table(*columns: str, may_shrink: tuple[str, ...] = ()) -> Table:
    """A table without lines; on a narrow terminal only the columns in `may_shrink` are cut, so that names and ids stay complete."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", show_edge=False)
    for name in columns:
        table.add_column(escape(name), no_wrap=name not in may_shrink)
    return table
