"""A fake of FogFlow for the scenario `task`; the release in memory for the others is a fixture of the folder above."""

from tests.unit.actions.task.conftest import make

__all__ = ["make"]
