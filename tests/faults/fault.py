"""A fault, and the run of one: bring it about, let the tool name it, take the time."""

import contextlib
import json
import re
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests import documents

FAULT = "sandbox.fogflow-k8s.io/"
CHANGED = {"discovery": {"podAnnotations": {"changed": "yes"}}}  # something to roll out


@dataclass(frozen=True)
class Fault:
    """One fault. `values` go to the chart; `before` prepares the namespace; with `installed` it strikes an upgrade."""

    says: str
    id: str
    component: str = ""
    values: dict = field(default_factory=dict)
    before: Callable | None = None
    installed: bool = False
    by_hand: bool = False  # installed by Helm alone, then asked with `status`: `deploy` would not have begun
    timeout: str = "300s"
    exit: int = 21
    hopeless: bool = True  # waiting cannot help, so it must not be waited for

    @property
    def name(self):
        return re.sub(r"[^a-z0-9]+", "-", self.says.lower()).strip("-")[:60]

    @property
    def of_pods(self):
        """The annotations of pods that bring it about, where that is all that does: it can strike a release that runs."""
        if (
            self.installed
            or self.by_hand
            or self.before
            or [set(part) for part in self.values.values()] != [{"podAnnotations"}]
        ):
            return {}
        (part,) = self.values.values()
        return part["podAnnotations"]


@dataclass(frozen=True)
class Named:
    """What the tool said."""

    headline: dict
    seconds: float  # from the start of the verb until the id was on the screen
    exit: int
    document: dict


def annotated(component, fault, **more):
    """Values that give the pods of a component a simulated fault."""
    asked = {f"{FAULT}{key.replace('_', '-')}": str(value) for key, value in {"fault": fault, **more}.items()}
    return {component: {"podAnnotations": asked}}


def named(site, fault):
    """Bring the fault about on a site of the cluster tests, and let the tool name it."""
    if fault.installed:
        site.deploy()
    else:
        site.make_namespace()
    if fault.before:
        fault.before(site)
    words = ["deploy", "--external-ip", "192.0.2.10", "--timeout", fault.timeout, "--no-bundle", *_values(site, fault)]
    if fault.by_hand:
        site.helm("upgrade", "--install", "fogflow", str(site.chart), "--create-namespace", *_values(site, fault))
        return _until_named(site, fault)
    return _run(site, words, fault.id)


@contextlib.contextmanager
def struck(site, fault):
    """A release that runs, with the pods of one workload made anew, faulty; afterwards they are in order again."""
    workload = f"deployment/{fault.component}"

    def remake(annotations):
        # else the old pods serve on, and it is an upgrade's fault
        strategy = {"type": "Recreate", "rollingUpdate": None}
        spec = {"strategy": strategy, "template": {"metadata": {"annotations": annotations}}}
        site.kubectl("patch", workload, "--type=merge", "-p", json.dumps({"spec": spec}))

    remake(fault.of_pods)
    try:
        yield _until_named(site, fault)
    finally:
        remake(dict.fromkeys(fault.of_pods))
        site.kubectl("rollout", "status", workload, "--timeout=120s")


def check(fault, found, screen, exits=None):
    """What must hold of every fault; `exits` with this code, where another verb than the fault's own was run."""
    headline = found.headline
    assert headline.get("id") == fault.id, (found.document, screen)
    assert found.exit == (exits or fault.exit), screen
    assert headline["remedy"], "a cause comes with what to do"
    if fault.component:
        assert headline["component"] == fault.component
    if fault.hopeless:
        assert found.seconds < 240, "it waited for what cannot come"  # a slow machine takes its time, and not 300 s
    # those that wait for the culprit are not to blame
    causes = found.document.get("causes") or []
    culprits = {c["component"] for c in causes if c["class"] != "blocked"}
    assert not culprits & {c["component"] for c in causes if c["class"] == "blocked"}


def helm_says(site, fault, seconds):
    """What `helm upgrade --install --wait=watcher` says of the same fault: seconds, and the last words of its error ("" when content)."""
    argv = [site.helm_path, "-n", site.namespace, "upgrade", "--install", "fogflow", str(site.chart), "--wait=watcher"]
    if fault.installed:
        site.helm("install", "fogflow", str(site.chart), "--create-namespace", "--wait=watcher")
    else:
        site.make_namespace()
    if fault.before:
        fault.before(site)
    start = time.monotonic()
    done = subprocess.run(
        [*argv, f"--timeout={seconds}s", *_values(site, fault)],
        env=site.env, capture_output=True, text=True, timeout=seconds + 60, check=False,
    )  # fmt: skip
    took = round(time.monotonic() - start, 1)
    errors = [line for line in done.stderr.splitlines() if line.startswith(("Error:", "level=ERROR"))]
    return took, "" if done.returncode == 0 else (errors or done.stderr.strip().splitlines() or ["?"])[-1]


def _values(site, fault):
    path = site.state / f"{fault.name}.json"
    path.write_text(json.dumps(fault.values))
    return ["--values", str(path)]


def _run(site, words, id_):
    start, seen = time.monotonic(), []
    with site.start(*words, "-o", "json") as process:

        def read():
            seen.extend((time.monotonic() - start, line) for line in process.stderr)

        reader = threading.Thread(target=read)
        reader.start()
        out = process.stdout.read()
        code = process.wait(timeout=300)
        reader.join()
    site.stderr = "".join(line for _, line in seen)
    assert out, site.stderr
    document = documents.parse(out)
    first = next((at for at, line in seen if id_ in line), time.monotonic() - start)
    return Named((document.get("causes") or [_of_error(document)])[0], first, code, document)


def _of_error(document):
    """What is refused before anything changes, in the form of a cause."""
    error = document.get("error") or {}
    return (
        {"id": error["causeId"], "class": "permanent", "component": "release", "object": "", "remedy": error["remedy"]}
        if error.get("causeId")
        else {}
    )


def _until_named(site, fault):
    """`status`, until it has the headline: the scheduler and the controllers take a moment."""
    start = time.monotonic()
    while True:
        found = _run(site, ["status"], fault.id)
        long = time.monotonic() - start
        if found.headline.get("id") == fault.id or long > 60:
            return Named(found.headline, long, found.exit, found.document)
        time.sleep(0.5)
