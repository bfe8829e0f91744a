"""Canaries: secrets planted everywhere a release can hold them; none may come out, whatever is run."""

import base64
import contextlib
import json
import re
import secrets
import tarfile
import threading
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.sites import IP

from .conftest import looks

pytestmark = pytest.mark.cluster
BUDGET_S = 120
WHERE = (
    "values", "set", "pull", "htpasswd", "secret", "odd", "annotation", "applied", "variable", "nameless", "event", "url", "bearer", "json", "podnote", "edited",
)  # fmt: skip


@pytest.fixture
def canaries():
    """A distinct random secret for each place; one with characters that URLs and JSON write differently."""
    made = {name: f"canary{secrets.token_hex(12)}" for name in WHERE}
    return {**made, "odd": f'can"ary/{secrets.token_hex(8)} ä+&='}


class Watch:
    """Looks for canaries in every command line and environment on the machine, and in the tool's temporary files, as long as the block lasts.

    A process is looked at while it is young, as these stay what they are from then on: to read all of them twenty times a second
    takes half a core from what is watched."""

    YOUNG = 6  # looks: 0.3 s, in which a process that was forked becomes the program it is meant to be

    def __init__(self, canaries, folder):
        self.needles = {form: name for name, value in canaries.items() for form in forms(value)}
        self.any = re.compile(b"|".join(re.escape(form) for form in self.needles))
        self.looks = Counter()  # how often at each process
        self.folder = folder
        self.found = set()
        self.looked = 0

    @contextlib.contextmanager
    def over(self, allowed=()):
        stop = threading.Event()
        thread = threading.Thread(target=self._go_on, args=(stop, allowed))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _go_on(self, stop, allowed):
        while not stop.wait(0.05):
            self.looked += 1
            running = list(Path("/proc").glob("[0-9]*"))
            # a number that is used again is a new process
            self.looks = Counter({process: self.looks[process] + 1 for process in running})
            for process in running:
                if self.looks[process] <= self.YOUNG:
                    self._look(process / "cmdline", allowed)
                    self._look(process / "environ", allowed)
            with contextlib.suppress(OSError):  # a folder that goes while it is walked through
                for file in self.folder.rglob("*"):
                    self._look(file, ())

    def _look(self, path, allowed):
        with contextlib.suppress(OSError):  # processes end and files go
            self.found |= {(path.name, name) for name in self.names_in(path.read_bytes()) - set(allowed)}

    def names_in(self, data):
        return {name for form, name in self.needles.items() if form in data} if self.any.search(data) else set()


def forms(value):
    return {
        value.encode(),
        quote(value, safe="").encode(),
        json.dumps(value)[1:-1].encode(),
        base64.b64encode(value.encode()),
    }


def members(path):
    with tarfile.open(path) as archive:
        return {m.name.partition("/")[2]: archive.extractfile(m).read() for m in archive if m.isfile()}


def plant_before(site, canaries):
    """What is there before the first deploy: Secrets of each kind, one of them applied by kubectl (which notes the whole of it)."""
    site.make_namespace()
    login = {"auths": {"registry.example": {"username": "u", "password": canaries["pull"]}}}
    login["auths"]["registry.example"]["auth"] = base64.b64encode(f"u:{canaries['pull']}".encode()).decode()
    labels = {"app.kubernetes.io/instance": "fogflow"}
    for name, kind, data in (
        ("pull", "kubernetes.io/dockerconfigjson", {".dockerconfigjson": json.dumps(login)}),
        ("login", "Opaque", {"htpasswd": f"admin:{canaries['htpasswd']}\n"}),
        ("own", "Opaque", {"api": canaries["secret"], "odd": canaries["odd"], "applied": canaries["applied"]}),
    ):
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": labels}, "type": kind}
        site.kubectl("apply", "-f", "-", stdin=json.dumps({**secret, "stringData": data}))


def plant_after(site, canaries):
    """What somebody does by hand to a running release, and what its containers print."""
    site.kubectl("annotate", "deployment", "master", f"note={canaries['annotation']}")
    site.kubectl(
        "set", "env", "deployment/master", f"DB_PASSWORD={canaries['variable']}", f"PLAIN={canaries['nameless']}"
    )
    site.kubectl(
        "set", "env", "deployment/rabbitmq", f"HOME={canaries['edited']}"
    )  # drift of a field that is the chart's
    site.kubectl("rollout", "status", "deployment/master", "--timeout=120s")  # between its two pods there is none
    pod = site.get("pods", "-l", "app.kubernetes.io/component=master")["items"][0]["metadata"]
    event = {
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "planted"}, "type": "Warning", "reason": "FailedMount",
        "message": f"cannot log in with {canaries['secret']}, password={canaries['event']}",
        "involvedObject": {"kind": "Pod", "name": pod["name"], "uid": pod["uid"], "namespace": site.namespace},
    }  # fmt: skip
    site.kubectl("create", "-f", "-", stdin=json.dumps(event))


def log_lines(canaries):
    odd = canaries["odd"]
    return [
        "a harmless line",
        f"logging in with {canaries['secret']}",
        f"base64 {base64.b64encode(canaries['secret'].encode()).decode()} and inside {base64.b64encode(b'user:' + canaries['secret'].encode()).decode()}",
        f"odd {odd} {quote(odd, safe='')} {json.dumps({'x': odd})}",
        f"pulled with {canaries['pull']}, let in by {canaries['htpasswd']}",
        f"amqp://fogflow:{canaries['url']}@rabbitmq:5672/",
        f"Authorization: Bearer {canaries['bearer']}",
        json.dumps({"password": canaries["json"], "DB_PASSWORD": canaries["variable"]}),
        f"bus {canaries['values']}",
    ]


@pytest.fixture
def printed(state):
    """Sets what every simulated container prints, and takes it back afterwards."""
    (file,) = (state / "state").rglob("simulated.log")
    before = file.read_bytes()

    def print_(lines):
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
        file.write_bytes(before + "".join(f"{now} stdout F {line}\n" for line in lines).encode())

    yield print_
    file.write_bytes(before)


def given(canaries):
    """The settings that a person writes, with a password in them."""
    return {
        "rabbitmq": {"auth": {"password": canaries["values"]}},
        "expose": {"basicAuth": {"existingSecret": "login"}},
        "global": {"imagePullSecrets": ["pull"]},
    }


def assert_clean(watch, saved, state, *, besides):
    """No canary in a member of an archive, nor in any file that is left, but the one that its owner wrote."""
    for path, files in saved.items():
        assert {name: found for name, data in files.items() if (found := watch.names_in(data))} == {}, path
    for path in state.rglob("*"):
        if path.is_file() and path != besides:
            assert watch.names_in(path.read_bytes()) == set(), path


def assert_useful(asked):
    """An archive without secrets that still says what happened."""
    index = json.loads(asked["index.json"])
    assert index["masked"]["value of a Secret"] > 0
    assert [c for c in index["collectors"] if c["errors"]] == []
    logs = next(data.decode() for name, data in asked.items() if name.endswith(".master.log"))
    assert "a harmless line" in logs
    assert "logging in with ********" in logs
    assert any(name.startswith("last-failure/logs/") for name in asked)
    listed = {s["metadata"]["name"]: s for s in json.loads(asked["objects/secrets.json"])}
    assert {key["name"] for key in listed["own"]["keys"]} == {"api", "odd", "applied"}


@pytest.mark.long
def test_no_canary_comes_out(site, canaries, printed):
    temporary = site.state / "tmp"
    temporary.mkdir()
    watch = Watch(canaries, temporary)
    values = site.state / "values.yaml"
    values.write_text(json.dumps(given(canaries)))
    mine, typed_in = ["--external-ip", IP, "--values", values], ["--set", f"rabbitmq.auth.password={canaries['set']}"]
    archive = site.state / "asked-for.tar.gz"

    def run(*words, code=0):
        """Run a verb under watch; a canary that stands on the user's own command line is not ours to hide."""
        typed = {name for name, value in canaries.items() if any(value in str(word) for word in words)}
        with watch.over(allowed=typed):
            out = site.run(*words, code=code, env={"TMPDIR": str(temporary)}, program=True)
        assert watch.names_in((out + site.stderr).encode()) == set(), words
        return out

    plant_before(site, canaries)
    run("-v", "deploy", *mine)
    plant_after(site, canaries)
    printed(log_lines(canaries))
    for words in (
        ["-v", "status"], ["status", "-o", "json"], ["history", "-o", "json"], ["uninstall", "--dry-run"], ["version"], ["logs"],
        ["render", *mine, "-o", "rendered"], ["render", *typed_in, "-o", "typed"],
        ["config", "explain", "rabbitmq.auth.password", *typed_in],
        ["deploy", *mine, "--dry-run=server"],
    ):  # fmt: skip
        run(*words, code=None if "status" in words else 0)
    run("deploy", *mine)  # what was edited by hand is shown, and put back
    assert "env[HOME].value: ********" in site.stderr
    run("-v", "deploy", *mine, *typed_in)  # another password than the one in force; the next deploy changes it back
    assert "the RabbitMQ password was changed" in site.stderr
    run("-v", "deploy", *mine, "--set", "replicaCount=3")
    run("-v", "rollback", "--yes")
    run(
        "-v",
        "deploy",
        *mine,
        "--set",
        f"master.image.tag=does-not-exist,master.podAnnotations.note={canaries['podnote']}",
        code=20,
    )
    run("-v", "bundle", "-f", archive)

    assert watch.found == set()
    assert watch.looked > 20
    saved = {path: members(path) for path in [archive, *(site.state / "bundles").glob("*.tar.gz")]}
    assert len(saved) == 2
    assert_clean(watch, saved, site.state, besides=values)
    assert not list(temporary.iterdir())
    assert_useful(saved[archive])
    assert archive.stat().st_mode & 0o777 == 0o600


@looks
def test_who_may_read_no_secrets_gets_an_archive_without_logs(kept):
    """Values that nobody may know cannot be masked: what is blind is left out, unless it is asked for by name."""
    from .test_access import kubeconfig

    site = kept
    site.kubectl("create", "serviceaccount", "helper")
    site.kubectl("create", "role", "helper", "--verb=get,list", "--resource=pods,pods/log,configmaps,services")
    site.kubectl("create", "rolebinding", "helper", "--role=helper", f"--serviceaccount={site.namespace}:helper")
    access = kubeconfig(site, user={"token": site.kubectl("create", "token", "helper").strip()})
    made = site.json("bundle", "-f", site.state / "some.tar.gz", env=access)
    parts = {c["name"]: c for c in made["collectors"]}
    assert parts["pods"]["fileCount"] == 1
    assert parts["logs"]["fileCount"] == 0
    assert "--include" in parts["logs"]["errors"][0]
    assert any("forbidden" in error for error in parts["secrets"]["errors"])
    assert any("forbidden" in error for error in parts["workloads"]["errors"])
    asked = site.json("bundle", "-f", site.state / "logs.tar.gz", "--include", "logs", "--since", "0", env=access)
    assert [c["name"] for c in asked["collectors"]] == ["logs"]
    assert asked["collectors"][0]["fileCount"] > 0


def test_an_unreachable_cluster_still_gives_an_archive(site):
    from .test_access import kubeconfig

    path = site.state / "unreachable.tar.gz"
    made = site.json("bundle", "-f", path, env=kubeconfig(site, cluster={"server": "https://127.0.0.1:1"}))
    assert made["fileCount"] == 1
    files = members(path)
    assert json.loads(files["versions.json"])["server"] == "https://127.0.0.1:1"
    assert b"cannot be reached" in files["index.md"]
    assert any("cannot be reached" in warning for warning in made["warnings"])
    assert not [f for f in site.state.iterdir() if f.name.startswith(".")]
