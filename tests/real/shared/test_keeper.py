"""What the keeper costs with nothing to do."""

import os
import time
from pathlib import Path

from tests.real import deployed
from tests.real.figures import record_in_all
from tests.scope import only_all

BUDGET_S = 10


def cpu_of(fogflow, seconds=30):
    """Thousandths of a core that the keeper uses."""
    pids = deployed.processes(fogflow.pods("keeper")[0])
    start, before = time.monotonic(), _used_s(pids)
    time.sleep(seconds)
    return 1000 * (_used_s(pids) - before) / (time.monotonic() - start)


def _used_s(pids):
    """Seconds of CPU that these processes have had."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


def test_the_keeper_needs_little_memory(calm):
    pids = deployed.processes(calm.pods("keeper")[0])
    held = [line.split() for pid in pids for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    mebi = sum(int(line[1]) for line in held if line[0] == "VmRSS:") / 1024
    record_in_all("keeper", "memory, MiB", mebi)
    assert mebi <= 40


@only_all
def test_the_keeper_needs_little_cpu(calm):
    record_in_all("keeper", "CPU with nothing to do, thousandths of a core", cpu_of(calm), bar=10)
