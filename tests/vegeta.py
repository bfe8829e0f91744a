"""The program vegeta, which the load generator of `bench` runs: built from its Go module once on a machine."""

from pathlib import Path

from tests.go_tools import built

MODULE = Path(__file__).parent / "load_generator"
PACKAGE = "github.com/tsenart/vegeta/v12"


def vegeta() -> Path:
    """The program's path."""
    return built(MODULE, PACKAGE) / "vegeta"
