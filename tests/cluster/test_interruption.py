"""Killed halfway, two at once, Ctrl-C: the next deploy succeeds and history is intact."""

import os
import signal

import pytest

from tests.processes import descendants, kill_all, kill_tree
from tests.scope import only_all, sampled
from tests.waiting import until

pytestmark = pytest.mark.cluster
BUDGET_S = 240
SLOW = ["--set", "discovery.podAnnotations.sandbox\\.fogflow-k8s\\.io/fault=image-pull-slow",
        "--set", "discovery.podAnnotations.sandbox\\.fogflow-k8s\\.io/delay-seconds=20"]  # fmt: skip
IP = ["--external-ip", "192.0.2.10"]


def slow_helm(site, *, stubborn=False):
    """A helm that is stopped once it has written its pending revision: SIGKILL then finds it in the middle."""
    path = site.state / "helm"
    trap = "trap '' INT" if stubborn else ":"
    path.write_text(f"""#!/bin/bash
{trap}
case "$1" in
  upgrade|rollback)
    "{site.kubectl_path}" -n {site.namespace} get secrets -l owner=helm --watch -o 'jsonpath={{.metadata.labels.status}}{{"\\n"}}' > "{site.state}/watch" &
    watcher=$!
    sleep 1
    "{site.helm_path}" "$@" <&0 & child=$!
    while kill -0 $child 2>/dev/null; do
      if grep -q pending "{site.state}/watch"; then kill -STOP $child; touch "{site.state}/pending"; sleep 600; fi
      sleep 0.02
    done
    kill $watcher; wait $child;;
  *) exec "{site.helm_path}" "$@";;
esac
""")
    path.chmod(0o755)
    return {"HELM": str(path)}


def kill_in_the_middle(site, *words):
    """SIGKILL of the whole tree while helm has a pending revision; what Helm then says of the newest."""
    process = site.start(*words, env=slow_helm(site))
    until(lambda: (site.state / "pending").exists() or process.poll() is not None, "a pending revision", 120)
    assert process.poll() is None, process.stderr.read()
    kill_tree(process.pid)
    process.communicate()
    return site.history()[-1][1]


@pytest.mark.parametrize("phase", sampled([("install",), ("upgrade",), ("rollback",)], gate=[("upgrade",)]))
def test_kill_9_while_helm_works(site, phase):
    before = 0
    if phase != "install":
        site.deploy()
        site.deploy("--set", "replicaCount=3")
        before = 2
    words = {
        "install": ["deploy", *IP],
        "upgrade": ["deploy", *IP, "--set", "replicaCount=4"],
        "rollback": ["rollback", "1", "--yes"],
    }[phase]
    assert kill_in_the_middle(site, *words) == f"pending-{phase}"
    wanted = [] if phase == "install" else ["--set", "replicaCount=4"]
    assert site.deploy(*wanted)["exitCode"] == 0
    history = site.history()
    assert [n for n, _ in history] == list(range(1, len(history) + 1)), "history is intact"
    assert len(history) > before + 1
    assert history[-1][1] == "deployed"
    assert site.json("status")["state"] == "unverified"


def deploying_without_helm(site):
    """A deploy whose helm has ended: what is left is the waiting.

    Helm writes "deployed" before it ends, and one that is interrupted in between may write "failed" over it.
    """
    process = site.start("deploy", *IP, *SLOW)
    until(lambda: any(s == "deployed" for _, s in site.history()), "helm's last word")
    until(lambda: not descendants(process.pid), "helm's end")
    return process


@only_all
def test_kill_9_while_waiting(site):
    process = deploying_without_helm(site)
    kill_tree(process.pid)
    process.communicate()
    result = site.deploy(*SLOW)
    assert (result["result"], result["exitCode"], result["release"]["revision"]) == ("unchanged", 0, 1)


def test_two_at_once(site):
    first = site.start("deploy", *IP, *SLOW)
    until(lambda: site.kubectl("get", "lease", "fogflow-fogflow-k8s", "--ignore-not-found", check=False), "the lease")
    site.run("deploy", *IP, code=50)
    assert "another operation is changing release" in site.stderr
    assert "@" in site.stderr
    _, err = first.communicate(timeout=120)
    assert first.returncode == 0, err


def test_ctrl_c_once_stops_waiting_and_says_where_things_stand(site):
    process = deploying_without_helm(site)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "revision 1 is deployed" in err
    assert "status --wait" in err
    assert site.json("status", "--wait")["state"] == "unverified"


def test_ctrl_c_twice_ends_at_once(site):
    process = site.start("deploy", *IP, env=slow_helm(site, stubborn=True))
    until((site.state / "pending").exists, "a pending revision")
    below = descendants(process.pid)
    os.kill(process.pid, signal.SIGINT)
    until(lambda: "stopping helm" in process.stderr.readline(), "the first word")
    assert process.poll() is None, "the first one waits for helm"
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=15)
    assert process.returncode == 130
    kill_all(below)  # a helm that ignores signals is this test's own doing
    assert site.deploy()["exitCode"] == 0
