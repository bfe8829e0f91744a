"""What a deploy would change, as a screen: the changes grouped by object, and a summary of their consequences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.text import Text

from fogflow_k8s.model.diff.fields import Change, Field, folded, short
from fogflow_k8s.model.diff.three_way import Difference, Drift

MAX_TEXT_LINES = 40  # of one text; -o json has all of them
MAX_BRIEF_LINES = 25  # of the whole difference, before a question
_MARKS = {"add": ("+", "green"), "remove": ("-", "red"), "change": ("~", "yellow")}


def diff_screen(found: Difference, *, brief: bool = False) -> RenderableType:
    """The whole difference; `brief`, for use before a question: a line per field, and at most MAX_BRIEF_LINES lines."""
    where = f"{found.release} in namespace {found.namespace} on {found.context}"
    what = f"revision {found.revision}" if found.revision else "not installed"
    will = f" -> {found.revision + 1}" if found.revision and found.revises else ""
    body = [*_changes(found.changes, found.namespace, brief=brief), *_drift(found, brief=brief)]
    if brief and len(body) > MAX_BRIEF_LINES:
        body = [*body[:MAX_BRIEF_LINES], Text(f"… and {len(body) - MAX_BRIEF_LINES} more lines: fogflow-k8s diff")]
    return Group(
        Text(f"Release  {where}: {what}{will}"), *body, Text(""), *_consequences(found), Text(_summary(found), "bold")
    )


def changes_screen(changes: Sequence[Change], namespace: str) -> RenderableType:
    """The changes between two revisions, for use before a rollback."""
    lines = _changes(changes, namespace, brief=True)[1:]
    return Group(*lines, *_folded_counts(c.field for c in changes)) if changes else Text("no manifest changes")


def _changes(changes: Sequence[Change], namespace: str, *, brief: bool) -> list[Text]:
    lines: list[Text] = []
    for (verb, name, where), group in groupby(changes, lambda c: (c.verb, c.object, c.namespace)):
        fields = [c.field for c in group if not c.field.noise]
        if verb == "change" and not fields:
            continue
        lines.append(_object(*_MARKS[verb], name, where, namespace))
        if verb == "change":
            for field in fields:
                lines += _field(field, brief=brief)
    return [Text(""), *lines] if lines else []


def _object(mark: str, colour: str, name: str, where: str, namespace: str, suffix: str = "") -> Text:
    elsewhere = f"  (namespace {where})" if where and where != namespace else ""
    return Text.assemble((f"{mark} {name}", colour), f"{elsewhere}{suffix}")


def _field(field: Field, *, brief: bool) -> list[Text]:
    if not field.lines:
        return [Text(f"    {field}")]
    plus, minus = (sum(line.startswith(mark) for line in field.lines) for mark in "+-")
    if brief:
        return [Text(f"    {field.path}: +{plus} -{minus} lines")]
    return [Text(f"    {field.path}:"), *_unified(field.lines)]


def _unified(lines: Sequence[str]) -> list[Text]:
    colours = {"+": "green", "-": "red", "@": "dim"}
    shown = [Text(f"      {line}", colours.get(line[:1], "")) for line in lines[:MAX_TEXT_LINES]]
    more = len(lines) - MAX_TEXT_LINES
    return [*shown, Text(f"      … {more} more lines (-o json)", "dim")] if more > 0 else shown


def _drift(found: Difference, *, brief: bool) -> list[Text]:
    lines: list[Text] = []
    for (name, where), group in groupby(found.drift, lambda d: (d.object, d.namespace)):
        for i, each in enumerate([d for d in group if not (d.why or (d.field and d.field.noise))]):
            if not each.field:
                lines.append(_object("+", "yellow", name, where, found.namespace, f"  was deleted: {each.description}"))
                continue
            if not i:
                lines.append(_object("~", "yellow", name, where, found.namespace))
            lines += _drift_lines(each, each.field, brief=brief)
    return [Text(""), Text(f"Changed on the cluster since revision {found.revision}", "bold"), *lines] if lines else []


def _drift_lines(drift: Drift, field: Field, *, brief: bool) -> list[Text]:
    """One field: its values, who changed it, and what a deploy does with the change; a text of several lines as a unified diff."""
    effect = (
        f"deploy sets {short(drift.wanted)}" if drift.effect == "overridden" and not field.lines else drift.description
    )
    tail = f"{drift.by or ', without an owner'}: {effect}"
    if field.lines:
        return [Text(f"    {field.path}{tail}"), *([] if brief else _unified(field.lines))]
    was = "new" if field.old is None else f"was {short(field.old)}"
    is_ = "removed" if field.new is None else short(field.new)
    return [Text(f"    {field.path}: {is_} ({was}){tail}")]


def _consequences(found: Difference) -> list[Text]:
    """The consequences of the changes, and notes."""
    fields = [c.field for c in found.changes] + [d.field for d in found.drift if d.field]
    parts = _folded_counts(fields)
    if found.rotates:
        parts.append(Text("The RabbitMQ password was changed", "yellow"))
    if found.restarts:
        parts.append(Text(f"Pods are replaced: {', '.join(found.restarts)}"))
    notes = [*(f"{d.object}: {d.description}: {d.why}" for d in found.drift if d.why), *found.notes]
    parts += [Text(f"! {note}", "yellow") for note in notes]
    if found.unseen:
        parts.append(
            Text(f"! not compared with the live object, because the right to patch it is missing: {', '.join(found.unseen)}", "yellow")
        )  # fmt: skip
    return parts


def _folded_counts(fields: Iterable[Field]) -> list[Text]:
    counts = [f"{n} {what}{'s' if n > 1 else ''}" for what, n in folded(list(fields)).items()]
    return [Text(f"Also changed: {', '.join(counts)}")] if counts else []


def _summary(found: Difference) -> str:
    if not found.changed:
        return "nothing would change" + (" in the compared objects" if found.unseen else "")
    verbs = [(verb, len({c.object for c in found.changes if c.verb == verb})) for verb in ("add", "remove", "change")]
    parts = [f"{n} to {verb}" for verb, n in verbs if n]
    if by_hand := [d for d in found.affected_drift if not d.why]:
        parts.append(f"{len(by_hand)} changed by hand")
    if found.rotates:
        parts.append("a new RabbitMQ password")
    return ", ".join(parts) or ("a new revision would be created" if found.renews else "a deploy would fail")
