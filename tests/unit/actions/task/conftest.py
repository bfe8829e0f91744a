"""A fake of FogFlow with an operation on it, for the tests of the `task` commands."""

import pytest

from tests.unit.actions.fogflow import FogFlow, kubectl, operation, serving


@pytest.fixture
def make(tmp_path):
    """A FogFlow with these properties, an operation on it, and a kubectl that leads to it."""
    servers = []

    def made(clock=None, **properties):
        fog = FogFlow(**properties)
        servers.append(serving(fog))
        return fog, operation(fog, clock=clock), kubectl(tmp_path, servers[-1].server_address[1])

    yield made
    for server in servers:
        server.shutdown()
        server.server_close()
