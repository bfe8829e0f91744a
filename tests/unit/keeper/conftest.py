"""The keeper's modules import each other by their plain names, as they do in its pod."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "charts/fogflow-chart/files/keeper"))
