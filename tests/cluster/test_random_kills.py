"""SIGKILL to everything at a random instant of an operation: the next `deploy` ends working, and history is intact.

The instants are seeded, so a failure comes again. Kills in the middle of each operation of helm: test_interruption.py.
"""

import random
import time

import pytest

from tests.processes import kill_tree
from tests.scope import only_all

pytestmark = [pytest.mark.cluster, only_all, pytest.mark.timeout(3600)]
KILLS = 20
SPAN_S = 6.0  # an operation takes 2 to 5 s here, the wait of a deploy among it
IP = ["--external-ip", "192.0.2.10"]


def killed(site, instant, *words):
    """Run the tool and kill it with all below it after so many seconds, if it still runs then."""
    process = site.start(*words)
    end = time.monotonic() + instant
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    kill_tree(process.pid)
    process.communicate()


def revisions(site):
    return [(r["revision"], r["status"]) for r in site.json("history", code=None).get("revisions", [])]


def instants(operation):
    # the very first moments, in which namespace, Lease, Secret and pending revision come about, are as likely as all others
    dice = random.Random(operation)
    return [dice.uniform(0.2, SPAN_S) for _ in range(KILLS)]


def works_again(site, wanted):
    result = site.deploy(*wanted, "--timeout", "120s")
    assert result["exitCode"] == 0, result
    assert result["state"] == "unverified"  # of simulated nodes there is no more to say
    assert site.deploy(*wanted)["result"] == "unchanged"
    found = revisions(site)
    assert found[-1][1] == "deployed"
    numbers = [number for number, _ in found]
    assert numbers == list(range(numbers[0], numbers[-1] + 1)), "no revision was lost"
    return found


def replicas(count):
    return ["--set", f"replicaCount={count}"]


def test_install(site):
    for instant in instants("install"):
        killed(site, instant, "deploy", *IP)
        found = works_again(site, [])
        assert found[0][0] == 1, instant
        site.run("uninstall", "--yes", "--delete-data")


def test_upgrade(site):
    site.deploy()
    before = revisions(site)
    for turn, instant in enumerate(instants("upgrade")):
        killed(site, instant, "deploy", *IP, *replicas(3 + turn % 2))
        after = works_again(site, replicas(3 + turn % 2))
        assert [n for n, _ in after][-len(before) :][0] >= before[0][0]
        kept = {n for n, _ in before} & {n for n, _ in after}
        assert kept or len(before) >= 10, (instant, before, after)  # Helm keeps ten
        before = after


def test_rollback(site):
    site.deploy()
    site.deploy(*replicas(3))
    for instant in instants("rollback"):
        killed(site, instant, "rollback", "--yes")
        works_again(site, replicas(3))
        works_again(site, replicas(2))


def test_uninstall(site):
    for instant in instants("uninstall"):
        site.deploy()
        killed(site, instant, "uninstall", "--yes")
        works_again(site, [])
