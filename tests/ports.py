"""Ports of loopback for the programs that tests start."""

import contextlib
import random
import socket


def free_port():
    """One that stays its asker's until this process ends, also while the program that listens on it is down.

    A socket that is bound and does not listen keeps it: programs that set SO_REUSEADDR, as all of ours do before they
    listen, may have it; who looks for a free one, here or in another process, finds it taken. It is below the ports that
    Linux gives outgoing connections. Not by the module's `random`: a plugin seeds that anew for each test.
    """
    while True:
        probe = socket.socket()
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", random.SystemRandom().randrange(20_000, 32_000)))
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            port = probe.getsockname()[1]
            probe.detach()  # open until the process ends
            return port
        probe.close()


def is_open(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
