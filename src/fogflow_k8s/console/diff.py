"""What a deploy would change, as a screen: grouped by object, what follows from it counted below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.text import Text

from fogflow_k8s.model.diff.fields import Change, Field, folded, short
from fogflow_k8s.model.diff.three_way import Difference, Drift

LONGEST = 40  # lines of one text that are shown; -o json has them all
SHORTEST = 25  # lines before a question
_MARKS = {"add": ("+", "green"), "remove": ("-", "red"), "change": ("~", "yellow")}


def diff_screen(found: Difference, *, brief: bool = False) -> RenderableType:
    """The whole difference; `brief` before a question: a line per field, and not too many of them."""
    where = f"{found.release} in namespace {found.namespace} on {found.context}"
    what = f"revision {found.revision}" if found.revision else "not installed"
    will = f" -> {found.revision + 1}" if found.revision and found.revises else ""
    body = [*_changes(found.changes, found.namespace, brief=brief), *_drift(found, brief=brief)]
    if brief and len(body) > SHORTEST:
        body = [*body[:SHORTEST], Text(f"… and {len(body) - SHORTEST} more lines: fogflow-k8s diff")]
    return Group(Text(f"Release  {where}: {what}{will}"), *body, Text(""), *_below(found), Text(_sum(found), "bold"))


def changes_screen(changes: Sequence[Change], namespace: str) -> RenderableType:
    """Only what changes between two revisions: before a rollback."""
    lines = _changes(changes, namespace, brief=True)[1:]
    return Group(*lines, *_folded(c.field for c in changes)) if changes else Text("no manifest changes")


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


def _object(mark: str, colour: str, name: str, where: str, namespace: str, says: str = "") -> Text:
    elsewhere = f"  (namespace {where})" if where and where != namespace else ""
    return Text.assemble((f"{mark} {name}", colour), f"{elsewhere}{says}")


def _field(field: Field, *, brief: bool) -> list[Text]:
    if not field.lines:
        return [Text(f"    {field}")]
    plus, minus = (sum(line.startswith(mark) for line in field.lines) for mark in "+-")
    if brief:
        return [Text(f"    {field.path}: +{plus} -{minus} lines")]
    return [Text(f"    {field.path}:"), *_unified(field.lines)]


def _unified(lines: Sequence[str]) -> list[Text]:
    colours = {"+": "green", "-": "red", "@": "dim"}
    shown = [Text(f"      {line}", colours.get(line[:1], "")) for line in lines[:LONGEST]]
    more = len(lines) - LONGEST
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
            lines += _drifted(each, each.field, brief=brief)
    return [Text(""), Text(f"Changed on the cluster since revision {found.revision}", "bold"), *lines] if lines else []


def _drifted(drift: Drift, field: Field, *, brief: bool) -> list[Text]:
    """One field, who changed it and what becomes of it; its lines, if it has several, as they were and are."""
    says = f"deploy sets {short(drift.wanted)}" if drift.effect == "overridden" and not field.lines else drift.description
    tail = f"{drift.by or ', nobody owns it'}: {says}"
    if field.lines:
        return [Text(f"    {field.path}{tail}"), *([] if brief else _unified(field.lines))]
    was = "new" if field.old is None else f"was {short(field.old)}"
    is_ = "removed" if field.new is None else short(field.new)
    return [Text(f"    {field.path}: {is_} ({was}){tail}")]


def _below(found: Difference) -> list[Text]:
    """What follows from it, and what there is to know."""
    fields = [c.field for c in found.changes] + [d.field for d in found.drift if d.field]
    parts = _folded(fields)
    if found.rotates:
        parts.append(Text("The RabbitMQ password was changed", "yellow"))
    if found.restarts:
        parts.append(Text(f"Pods are replaced: {', '.join(found.restarts)}"))
    notes = [*(f"{d.object}: {d.description}: {d.why}" for d in found.drift if d.why), *found.notes]
    parts += [Text(f"! {note}", "yellow") for note in notes]
    if found.unseen:
        parts.append(
            Text(f"! not compared with the live object, for want of the right to patch it: {', '.join(found.unseen)}", "yellow")
        )  # fmt: skip
    return parts


def _folded(fields: Iterable[Field]) -> list[Text]:
    counts = [f"{n} {what}{'s' if n > 1 else ''}" for what, n in folded(list(fields)).items()]
    return [Text(f"Changed with it: {', '.join(counts)}")] if counts else []


def _sum(found: Difference) -> str:
    if not found.changed:
        return "nothing would change" + (", as far as could be seen" if found.unseen else "")
    verbs = [(verb, len({c.object for c in found.changes if c.verb == verb})) for verb in ("add", "remove", "change")]
    parts = [f"{n} to {verb}" for verb, n in verbs if n]
    if by_hand := [d for d in found.affected_drift if not d.why]:
        parts.append(f"{len(by_hand)} changed by hand")
    if found.rotates:
        parts.append("a new RabbitMQ password")
    return ", ".join(parts) or ("a new revision would be made" if found.renews else "a deploy would fail")
