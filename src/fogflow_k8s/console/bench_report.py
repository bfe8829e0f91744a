"""The report of `bench` as one HTML file: tables, and curves as inline SVG made by matplotlib.

It needs no network, prints in black and white (curves differ by line style and marker, bars by hatching), and every curve has a
text alternative and its figures in a table.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from fogflow_k8s.errors import ToolMissing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

_STYLE = """
body { font: 16px/1.5 sans-serif; color: #111; background: #fff; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-top: 1px solid #999; padding-top: 1rem; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { padding: .2rem .8rem .2rem 0; text-align: right; }
th { border-bottom: 1px solid #111; } th:first-child, td:first-child { text-align: left; }
figure { margin: 1.5rem 0; } figure svg { max-width: 100%; height: auto; } figcaption { color: #333; }
.bad { font-weight: bold; } .bad::before { content: "✗ "; } .good::before { content: "✔ "; }
@media print { h2 { break-after: avoid; } figure, table { break-inside: avoid; } }
"""
_PERCENTILES = {"p50": "p50", "p90": "p90", "p99": "p99", "p999": "p99.9", "max": "max"}
_SIZE = (8.0, 3.2)  # inches
_LINES = (("-", "o"), ("--", "s"), (":", "^"), ("-.", "x"))
"""Line styles and markers that differ in black and white."""


def require_plots() -> None:
    """Raises ToolMissing when the plotting library is not installed."""
    try:
        import matplotlib as mpl  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise ToolMissing(
            "the HTML report needs matplotlib, which is not installed",
            hint="install the extra bench: pip install 'fogflow-k8s[bench]'; or use -o json",
        ) from error


def report(document: Mapping[str, Any]) -> str:
    """The HTML of a document of kind Bench. Raises ToolMissing."""
    require_plots()
    release, cluster = document["release"], document["cluster"]
    where = f"Release {release['name']} in namespace {release['namespace']}: {release['chart']}, FogFlow {release['appVersion']}"
    nodes = f"Kubernetes {cluster['kubernetesVersion']}, nodes: {cluster['nodeCount']}, allocatable cores: {cluster['allocatableCpuCores']:g}"
    facts = [
        f"{where}, broker shards: {release['brokerShards']}, {release['workerImplementation']} worker.",
        f"{nodes}, {', '.join(cluster['architectures'])}.",
        "Latency counts from the planned time of each request. Percentiles are of requests that were answered without an error.",
        *(f"Note: {warning}" for warning in document["warnings"]),
    ]
    body = "".join(f"<p>{escape(fact)}</p>\n" for fact in facts)
    sections = "".join(_section(run) for run in document["runs"])
    title = f"FogFlow performance, {document['startedAt']}"
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n{body}{sections}</body>\n</html>\n"
    )


def _section(run: Mapping[str, Any]) -> str:
    parts = [f"<h2>{escape(str(run['scenario']))}</h2>", _verdict(run)]
    steps = sorted(run["rates"], key=lambda step: float(step["rate"]))
    if run["taskFigures"]:
        parts.append(_task_table(run["taskFigures"]))
    if steps:
        parts.append(_steps_table(steps))
    if len(steps) > 1:
        parts.append(_against_rate(run["scenario"], steps))
    elif steps and not run["invalidReason"]:
        parts += [_over_time(run["scenario"], steps[0]), _histogram(run["scenario"], steps[0])]
    parts.append(_resources(run["resources"]))
    if any(len(each["samples"]) > 1 for each in run["resources"]["components"]):
        parts.append(_cpu_over_time(str(run["scenario"]), run["resources"]["components"]))
    return "\n".join(parts) + "\n"


def _verdict(run: Mapping[str, Any]) -> str:
    if run["invalidReason"]:
        return f'<p class="bad">Invalid: {escape(run["invalidReason"])}. The figures mean nothing.</p>'
    if run["violations"]:
        return f'<p class="bad">{escape("; ".join(run["violations"]))}</p>'
    objective = " and ".join(run["objective"])
    if run["capacity"]:
        return f'<p class="good">Up to {run["capacity"]["rate"]:g} requests per second{escape(" with " + objective if objective else "")}.</p>'
    return f'<p class="good">Nothing failed{escape(", and " + objective + " holds" if objective else "")}.</p>'


def _steps_table(steps: Sequence[Mapping[str, Any]]) -> str:
    heads = ["rate", "answered", "failed", *_PERCENTILES.values(), "holds"]
    rows = []
    for step in steps:
        failed = step["sentCount"] - step["answeredCount"]
        figures = [_ms(step["percentilesSeconds"][name]) for name in _PERCENTILES]
        holds = "invalid" if step["invalidReason"] else "no" if step["violations"] else "yes"
        rows.append([f"{step['rate']:g}/s", str(step["answeredCount"]), str(failed), *figures, holds])
    told = [step["notifications"] for step in steps if step["notifications"]]
    lines = "".join(
        f"<p>Notifications: {each['receivedCount']} of {each['expectedCount']}, {each['lostCount']} lost, "
        f"{each['doubledCount']} doubled, {each['lateCount']} late.</p>"
        for each in told
    )
    return _table(heads, rows) + lines


def _task_table(tasks: Mapping[str, Any]) -> str:
    rows = [
        [name, str(found["count"]), *("-" if found[key] is None else f"{found[key]:.2f} s" for key in ("p50Seconds", "p99Seconds", "maxSeconds"))]
        for name, found in (("Deployment", tasks["created"]), ("ready", tasks["running"]))
    ]  # fmt: skip
    return _table(["from published to", "tasks", "p50", "p99", "max"], rows)


def _resources(found: Mapping[str, Any]) -> str:
    if found["readFrom"] == "missing":
        return f"<p>Resource use is missing: {escape(found['missingReason'] or 'not measured')}.</p>"
    rows = [
        [
            escape(each["name"]), f"{each['meanCpuCores']:.2f}", f"{each['maxCpuCores']:.2f}",
            "-" if each["cpuLimitCores"] is None else f"{each['cpuLimitCores']:g}", _mebibytes(each["maxMemoryBytes"]),
            _mebibytes(each["memoryLimitBytes"]),
        ]
        for each in found["components"]
    ]  # fmt: skip
    limited = f"Near a limit: {found['limitedBy']}." if found["limitedBy"] else "No component was near a limit."
    heads = ["component", "CPU mean", "CPU max", "CPU limit", "memory max", "memory limit"]
    return (
        _table(heads, rows)
        + f"<p>{escape(limited)} Read from {escape(found['readFrom'])}; throttling is not shown there.</p>"
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{each}</th>' for each in heads)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{lines}</tbody>\n</table>\n"


def _over_time(name: str, step: Mapping[str, Any]) -> str:
    seconds = [each for each in step["course"] if each["p50Seconds"] is not None]

    def draw(axes: Axes) -> None:
        at = [each["second"] for each in seconds]
        axes.plot(at, [each["p50Seconds"] * 1000 for each in seconds], "k-", label="p50")
        axes.plot(at, [each["p99Seconds"] * 1000 for each in seconds], "k--", marker=".", label="p99")
        axes.set_xlabel("seconds since the beginning")
        axes.set_ylabel("milliseconds")
        axes.set_ylim(bottom=0)
        axes.legend()

    return _figure(
        f"{name} at {step['rate']:g}/s: p50 and p99 of each second, by the planned time of the requests", draw
    )


def _histogram(name: str, step: Mapping[str, Any]) -> str:
    def draw(axes: Axes) -> None:
        bounds = [each["upToSeconds"] * 1000 for each in step["histogram"]]
        widths = [bound - bound / 10**0.1 for bound in bounds]
        counts = [each["count"] for each in step["histogram"]]
        axes.bar(
            bounds, counts, [-width for width in widths], align="edge", color="#bbb", edgecolor="black", hatch="//"
        )
        axes.set_xscale("log")
        _plain_numbers(axes.xaxis)
        axes.set_xlabel("latency of the answers in milliseconds")
        axes.set_ylabel("requests")

    return _figure(f"{name} at {step['rate']:g}/s: number of requests by latency", draw)


def _against_rate(name: str, steps: Sequence[Mapping[str, Any]]) -> str:
    shown = [step for step in steps if step["percentilesSeconds"]["p50"] is not None]

    def draw(axes: Axes) -> None:
        for key, style, marker in (("p50", "-", "o"), ("p99", "--", "s"), ("max", ":", "^")):
            values = [step["percentilesSeconds"][key] * 1000 for step in shown]
            axes.plot([step["rate"] for step in shown], values, f"k{style}", marker=marker, label=key)
        failed = [step for step in shown if step["violations"]]
        values = [step["percentilesSeconds"]["p99"] * 1000 for step in failed]
        axes.plot([step["rate"] for step in failed], values, "kx", markersize=12, label="does not hold")
        axes.set_yscale("log")
        _plain_numbers(axes.yaxis)
        axes.set_xlabel("requests per second")
        axes.set_ylabel("milliseconds")
        axes.legend()

    return _figure(f"{name}: latency against rate; a cross marks a rate that does not hold", draw)


def _cpu_over_time(name: str, components: Sequence[Mapping[str, Any]]) -> str:
    """The CPU of the components that used most; more of them could not be told apart in black and white."""
    known = [each for each in components if each["samples"]]
    shown = sorted(known, key=lambda each: -float(each["maxCpuCores"]))[: len(_LINES)]

    def draw(axes: Axes) -> None:
        for each, (style, marker) in zip(shown, _LINES, strict=False):
            at = [sample["atSeconds"] for sample in each["samples"]]
            cores = [sample["cpuCores"] for sample in each["samples"]]
            axes.plot(at, cores, f"k{style}", marker=marker, label=each["name"])
        axes.set_xlabel("seconds since the first observation")
        axes.set_ylabel("cores")
        axes.set_ylim(bottom=0)
        axes.legend()

    return _figure(f"{name}: CPU of the components that used most", draw)


def _plain_numbers(axis: Axis) -> None:
    """Label a logarithmic axis with 20 instead of 2 x 10^1."""
    from matplotlib.ticker import LogFormatter

    axis.set_major_formatter(LogFormatter())
    axis.set_minor_formatter(LogFormatter())


def _figure(caption: str, draw: Any) -> str:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": caption, "font.family": "sans-serif"}):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.add_subplot()
        axes.grid(visible=True, color="#ddd")
        axes.set_axisbelow(True)
        draw(axes)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Title": caption})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{escape(caption, quote=True)}"', 1)
    return f"<figure>\n{svg}<figcaption>{escape(caption)}.</figcaption>\n</figure>"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value * 1000:.1f} ms"


def _mebibytes(value: int | None) -> str:
    return "-" if value is None else f"{value / 2**20:.0f} MiB"
