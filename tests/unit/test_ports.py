"""A port that a test was given stays its own, for a program that is started, killed and started again."""

import asyncio
import socket

import pytest

from tests import ports


def test_a_kept_port_is_for_the_asker_s_program_and_for_no_other_search():
    port = ports.free_port()
    with socket.socket() as search, pytest.raises(OSError, match="in use"):
        search.bind(("127.0.0.1", port))
    for _ in range(2):  # a server's listening socket has SO_REUSEADDR
        with socket.create_server(("127.0.0.1", port)) as server, socket.create_connection(("127.0.0.1", port)):
            assert ports.is_open(port)
            with pytest.raises(OSError, match="in use"):
                socket.create_server(("", port))
            server.accept()[0].close()
        assert not ports.is_open(port)


def test_one_who_listens_on_all_addresses_may_have_it():
    port = ports.free_port()

    async def listen():
        server = await asyncio.start_server(lambda *_: None, None, port)
        assert ports.is_open(port)
        server.close()
        await server.wait_closed()

    asyncio.run(listen())
