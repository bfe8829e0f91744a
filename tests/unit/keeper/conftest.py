"""The keeper's modules import each other by their plain names, as they do in its pod."""

import sys
from pathlib import Path

CHARTS = Path(__file__).resolve().parents[3] / "charts"
sys.path[:0] = [str(CHARTS / "fogflow-chart/files/keeper"), str(CHARTS / "fogflow-edge-chart/files/edge")]
