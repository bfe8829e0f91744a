"""docs/metrics.md lists the metrics of the keeper and of the native worker, and no others."""

import re
from pathlib import Path

from prometheus_client import REGISTRY

from fogflow_k8s.worker import metrics

ROOT = Path(__file__).resolve().parents[3]
BUDGET_S = 5


def test_the_page_has_every_metric_with_its_type():
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `(fogflow_\w+)` \| (\w+) \|", page, re.MULTILINE))
    report = (ROOT / "charts/fogflow-chart/files/keeper/report.py").read_text(encoding="utf-8")
    keeper = dict(re.findall(r"# TYPE (fogflow_\w+) (\w+)", report))
    assert metrics.TASKS  # which registers them
    worker = {
        each.name + ("_total" if each.type == "counter" else ""): each.type
        for each in REGISTRY.collect()
        if each.name.startswith("fogflow_worker_")
    }
    assert listed == {**keeper, **worker}
