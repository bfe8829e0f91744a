"""docs/diagnosis.md, of the newest run of each fault. Made by `make diagnosis`."""

import json
import math
from pathlib import Path

from tests.faults import real, simulated

ROOT = Path(__file__).parents[2]
FILE = ROOT / ".work" / "diagnosis.jsonl"
_HEAD = """# Diagnosis

What is said of {count} faults, brought about by `tests/faults` on a real control plane with simulated nodes, or on real nodes. *Named
after*: seconds from the start of the verb until the id was on the screen (`deploy`, with Helm's part in it; where it says "by helm",
`status` after Helm had returned). Hopeless ones are those that no waiting helps; of the others the deadline of the test ends the wait.
Beside it what `helm upgrade --install --wait=watcher --timeout={helm_s}s` says of the same fault with the same chart in the same
run. Made by `make diagnosis`; do not edit. What each id means: [errors](errors.md).

Right headline: **{right} of {count}**. Hopeless ones named: p50 {p50:.1f} s, **p95 {p95:.1f} s**. Helm names the object or reason that is to
blame in {helm_right}.

| fault | nodes | headline | named after, s | exit | helm: after, s | helm's own last words |
|---|---|---|---|---|---|---|
"""
HELM_S = 20


def record(fault, found, *, nodes, helm=None):
    """One row of this run; `helm` is (seconds, words)."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    row = {"fault": fault.says, "nodes": nodes, "id": found.headline.get("id"), "wanted": fault.id, "s": round(found.seconds, 1),
           "exit": found.exit, "hopeless": fault.hopeless, "helm": helm}  # fmt: skip
    with FILE.open("a") as stream:
        stream.write(json.dumps(row) + "\n")


def page(text):
    """The page of a file of rows; a fault's newest row counts, with Helm's words of an earlier run where it has none."""
    known = {("simulated", f.says) for f in simulated.FAULTS} | {("real", f.says) for f in real.FAULTS}
    rows = {}
    for row in map(json.loads, text.splitlines()):
        if (row["nodes"], row["fault"]) not in known:
            continue
        before = rows.get((row["nodes"], row["fault"]), {})
        rows[row["nodes"], row["fault"]] = {**row, "helm": row["helm"] or before.get("helm")}
    found = sorted(rows.values(), key=lambda r: (r["nodes"], r["wanted"], r["fault"]))
    seconds = sorted(r["s"] for r in found if r["hopeless"])
    head = _HEAD.format(
        count=len(found), right=sum(r["id"] == r["wanted"] for r in found), helm_s=HELM_S,
        p50=_quantile(seconds, 0.5), p95=_quantile(seconds, 0.95),
        helm_right=_telling(found),
    )  # fmt: skip
    return head + "\n".join(map(_row, found)) + "\n"


def _quantile(values, share):
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else 0.0


def _telling(rows):
    """Of how many Helm's words contain more than that something was not ready in time."""
    asked = [r for r in rows if r["helm"]]
    telling = [r for r in asked if r["helm"][1] and "not ready" not in r["helm"][1] and "deadline" not in r["helm"][1]]
    return f"{len(telling)} of the {len(asked)} that it was tried on"


def _row(row):
    after, words = row["helm"] or ("", "")
    said = (words or "(content)") if row["helm"] else ""
    cells = (row["fault"], row["nodes"], row["id"], row["s"], row["exit"], after, said.replace("|", "\\|")[:220])
    return "| " + " | ".join(map(str, cells)) + " |"


if __name__ == "__main__":
    (ROOT / "docs" / "diagnosis.md").write_text(page(FILE.read_text()))
