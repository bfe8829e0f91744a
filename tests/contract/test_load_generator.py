"""The load generator of `bench` with the real vegeta, at a broker with known properties and at the fakes of FogFlow.

What is measured is a known delay, loss or limit; the tolerances leave room for a machine that runs other tests.
"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import pytest

from fogflow_k8s.loadgen import vegeta as generator
from fogflow_k8s.loadgen.ngsi import RequestFailed
from fogflow_k8s.loadgen.run import run
from fogflow_k8s.model.bench.plan import PREFIX, Plan, to_json
from fogflow_k8s.model.bench.slo import parse
from fogflow_k8s.model.bench.step import from_json
from tests.contract.recorded import Programs
from tests.modelled_broker import Broker, serving
from tests.scope import only_all, sampled
from tests.vegeta import vegeta
from tests.waiting import until

BUDGET_S = 120


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Short warm-ups and pauses: a broker in this process has no caches to fill."""
    monkeypatch.setattr("fogflow_k8s.loadgen.run._WARM_UP_S", 0.5)
    monkeypatch.setattr("fogflow_k8s.loadgen.ngsi._OTHERS_S", 0.2)


def measured(broker, scenario="update", *, rate=50, duration_s=4, entities=20, subscribers=0, lines=None, **more):
    """The steps of a run at this broker."""
    with serving(broker) as url:
        plan = Plan("r1", scenario, rate, duration_s, entities, subscribers, url, url, **more)
        emit = (lines if lines is not None else []).append
        steps = [from_json(each) for each in run(plan, emit, address="127.0.0.1", port=0, program=str(vegeta()))]
    assert (broker.entities, broker.subscriptions, broker.registrations) == ({}, {}, {}), "everything was removed"
    return steps


def test_a_known_delay_is_measured():
    lines = []
    (step,) = measured(Broker(delay_s=0.02), lines=lines)
    assert step.figures.invalid == ""
    assert step.figures.answered == step.figures.planned == 200
    assert 0.019 <= step.percentiles["p50"] <= 0.035
    progress = [line["progress"] for line in lines if "progress" in line]
    assert len(progress) >= 2
    assert progress[-1]["rate"] == 50


def test_a_known_loss_and_known_repetitions_are_counted_exactly():
    (step,) = measured(Broker(loses_every=50, repeats_every=40), "notify", subscribers=1)
    told = step.notifications
    assert (told.expected, told.received, told.lost) == (200, 196, 4)
    assert told.doubled == 4, "of numbers 40, 80, 120, 160; 200 is lost"


def test_two_subscribers_get_each_update():
    (step,) = measured(Broker(), "notify", rate=20, subscribers=2)
    assert (step.notifications.expected, step.notifications.lost, step.notifications.doubled) == (160, 0, 0)


FLOW = Plan("r1", "flow", 40, 3, 5, 1, "", "", tasks_s=2)


def test_outputs_of_tasks_are_counted_by_the_update_that_they_are_about():
    broker = Broker(loses_every=30, processes=(FLOW.entity_type, FLOW.output_type))
    lines = []
    (step,) = measured(broker, "flow", rate=40, duration_s=3, entities=5, subscribers=1, tasks_s=5, lines=lines)
    told = step.notifications
    assert (told.expected, told.received, told.lost, told.doubled) == (120, 116, 4, 0)
    assert step.percentiles["p50"] > 0
    assert {"log": "waiting for the first outputs of 5 tasks"} in lines


def test_tasks_that_do_not_repeat_the_number_are_said():
    broker = Broker()
    with serving(broker) as url, pytest.raises(RequestFailed, match="5 of 5 tasks published no output that repeats"):
        run(replace(FLOW, broker=url, discovery=url), [].append, address="127.0.0.1", port=0, program=str(vegeta()))
    assert (broker.entities, broker.subscriptions) == ({}, {})


def test_the_operator_of_the_documentation_repeats_the_number(tmp_path):
    page = (Path(__file__).parents[2] / "docs/bench.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "operator.py").write_text(text)
    broker = Broker()
    with serving(broker) as url, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        said = [
            {"command": "CONNECT_BROKER", "brokerURL": f"{url}/ngsi10"},
            {"command": "SET_OUTPUTS", "id": "Out.1", "type": "Out"},
            {"command": "SET_CORRELATORID", "correlatorID": "Task.1"},
        ]
        env = {**os.environ, "adminCfg": json.dumps(said), "myport": str(port)}
        child = subprocess.Popen([sys.executable, "-P", str(tmp_path / "operator.py")], env=env)
        try:
            until(lambda: _notify(port, 7), "it listens", 30)
            until(lambda: broker.entities, "it has published", 30)
            assert broker.entities["Out.1"]["attributes"] == [{"name": "sequence", "type": "integer", "value": 7}]
        finally:
            child.kill()
            child.wait()


def _notify(port, number):
    """Whether the operator took a notification with other attributes beside the number."""
    attributes = [
        {"name": "t", "type": "integer", "value": 1},
        {"name": "sequence", "type": "integer", "value": number},
    ]
    body = json.dumps(
        {"contextResponses": [{"contextElement": {"entityId": {"id": "In.1"}, "attributes": attributes}}]}
    )
    with contextlib.suppress(OSError):
        return urlopen(f"http://127.0.0.1:{port}/notifyContext", body.encode(), timeout=10).status == 200


def test_the_tasks_do_not_process_their_own_outputs():
    """FogFlow takes a type for a regular expression that matches anywhere."""
    assert not re.search(FLOW.entity_type, FLOW.output_type)
    assert FLOW.output_type.startswith(PREFIX)


def test_a_stall_is_in_the_percentiles():
    (step,) = measured(Broker(stall=(3.0, 1.0)), duration_s=6)
    assert step.percentiles["max"] > 0.8
    assert step.percentiles["p90"] > 0.4, "a third of the requests was planned in a stall"
    assert step.percentiles["p50"] < 0.2


PATHS = [
    ("ngsi-ld", "/ngsi-ld/v1/entityOperations/upsert"),
    ("query", "/ngsi10/queryContext"),
    ("discover", "/ngsi9/discoverContextAvailability"),
]


@pytest.mark.parametrize(("scenario", "path"), sampled(PATHS, gate=PATHS[1:2]))
def test_the_other_scenarios_send_their_requests(scenario, path):
    broker = Broker()
    (step,) = measured(broker, scenario, duration_s=2)
    assert step.violations(()) == []
    assert broker.requests.count(("POST", path)) >= 100


def test_errors_are_counted_by_their_status():
    (step,) = measured(Broker(status=503), duration_s=1)
    assert step.figures.errors == {"HTTP 503": 50}
    assert step.violations(()) == ["50 requests failed: HTTP 503"]


@only_all
def test_a_search_finds_the_limit_of_the_broker(monkeypatch):
    """With short steps: the search itself is proved with a model of a server."""
    monkeypatch.setattr("fogflow_k8s.model.bench.capacity.STEP_S", 2.0)
    monkeypatch.setattr("fogflow_k8s.model.bench.capacity.PAUSE_S", 0.2)
    steps = measured(Broker(limit=60), rate=20, find_capacity=True, limits=parse("p99=150ms"))
    held = max(step.rate for step in steps if not step.violations(parse("p99=150ms")))
    assert held == pytest.approx(60, rel=0.15)


def test_subscribers_of_others_are_not_notified_without_consent():
    broker = Broker()
    broker.subscriptions["other"] = {
        "entities": [{"id": ".*", "type": "", "isPattern": True}],
        "reference": "http://127.0.0.1:9",
    }
    with serving(broker) as url:
        plan = Plan("r1", "update", 50, 1, 20, 0, url, url)
        with pytest.raises(RequestFailed, match="subscribers of others would be notified: 1 subscriptions"):
            run(plan, [].append, address="127.0.0.1", port=0, program=str(vegeta()))
    assert list(broker.subscriptions) == ["other"]
    assert broker.entities == {}


class Others(Broker):
    """Three entities of others, listed in another order each time, as from a map; with `publishing`, their values change, too."""

    def __init__(self, *, publishing):
        super().__init__()
        self.publishing, self.asked = publishing, 0

    def answer(self, method, path, body):
        if path != "/ngsi10/entity":
            return super().answer(method, path, body)
        self.asked += 1
        names = ["a", "b", "c"][:: 1 if self.asked % 2 else -1]
        value = self.asked if self.publishing else 0
        return 200, [{"entityId": {"id": n, "type": "Theirs"}, "value": value} for n in names] + list(
            self.entities.values()
        )


@pytest.mark.parametrize("publishing", [False, True])
def test_others_that_publish_are_a_warning_and_the_order_of_entities_is_none(publishing):
    lines = []
    measured(Others(publishing=publishing), duration_s=1, lines=lines)
    assert ["warn" in line for line in lines].count(True) == publishing


def test_what_a_killed_run_left_is_removed_first():
    broker, lines = Broker(), []
    broker.entities["old"] = {"entityId": {"id": "old", "type": "FogflowK8sBench-old-update"}}
    broker.subscriptions["old"] = {
        "entities": [{"type": "FogflowK8sBench-old-notify", "isPattern": True}],
        "reference": "http://127.0.0.1:9",
    }
    measured(broker, duration_s=1, lines=lines)
    assert {"log": "removed 2 objects of a run that was killed"} in lines


def test_entities_of_others_stay():
    broker = Broker()
    with serving(broker) as url:
        broker.entities["theirs"] = {"entityId": {"id": "theirs", "type": "Temperature"}}
        run(Plan("r1", "update", 50, 1, 20, 0, url, url), [].append, address="127.0.0.1", port=0, program=str(vegeta()))
    assert list(broker.entities) == ["theirs"]


def test_an_image_without_the_program_is_said(tmp_path):
    with serving(Broker()) as url, pytest.raises(generator.GeneratorFailed, match="the image has no program"):
        run(
            Plan("r1", "update", 50, 1, 5, 0, url, url),
            [].append,
            address="127.0.0.1",
            port=0,
            program=str(tmp_path / "none"),
        )


@pytest.mark.parametrize("rate", [1, 2.5, 50, 0.5, 476.2])
def test_every_rate_can_be_written_for_vegeta(rate):
    count, _, seconds = generator.pace(rate).removesuffix("s").partition("/")
    assert int(count) / int(seconds) == pytest.approx(rate, rel=0.001)


def test_a_pod_that_is_ended_removes_what_it_made(tmp_path):
    """SIGTERM, as Kubernetes sends it when the Job is deleted."""
    broker = Broker()
    with serving(broker) as url:
        plan = tmp_path / "plan.json"
        plan.write_text(to_json(Plan("r1", "notify", 50, 60, 20, 1, url, url)))
        env = {**os.environ, "PATH": f"{vegeta().parent}:{os.environ['PATH']}", "POD_IP": "127.0.0.1"}
        argv = [sys.executable, "-c", "import sys, fogflow_k8s.loadgen.run as r, fogflow_k8s.loadgen.__main__ as m; "
                "real = r.listening; r.listening = lambda _: real(0); sys.exit(m.main(sys.argv[1:]))", str(plan)]  # fmt: skip
        child = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True)
        for line in child.stdout:
            if "progress" in line:
                break
        assert broker.subscriptions
        child.send_signal(signal.SIGTERM)
        begin = time.monotonic()
        assert child.wait(30) == 128 + signal.SIGTERM
        assert time.monotonic() - begin < 20, "within the grace period"
        child.stdout.close()
    assert (broker.entities, broker.subscriptions) == ({}, {})


@pytest.fixture(scope="module")
def fakes(tmp_path_factory):
    """Discovery and a broker as FogFlow's own behave."""
    it = Programs(tmp_path_factory.mktemp("fakes"))
    it.start("discovery", "broker")
    yield it
    it.stop()


SCENARIOS = [("update",), ("ngsi-ld",), ("query",), ("notify",), ("discover",)]


@pytest.mark.parametrize("scenario", sampled(SCENARIOS, gate=[("notify",)]))
def test_fogflows_programs_accept_every_scenario_and_keep_nothing(fakes, scenario):
    broker, discovery = fakes.url("broker"), fakes.url("discovery")
    plan = Plan("r1", scenario, 40, 3, 10, int(scenario == "notify"), broker, discovery, accept_notifying=True)
    (found,) = run(plan, [].append, address="127.0.0.1", port=0, program=str(vegeta()))
    step = from_json(found)
    assert step.violations(()) == []
    if step.notifications:
        assert (step.notifications.expected, step.notifications.doubled) == (120, 0)
    left = [fakes.call("broker", "GET", path)[2] for path in ("/ngsi10/entity", "/ngsi10/subscription")]
    assert "FogflowK8sBench" not in str(left)
    body = '{"entities": [{"id": ".*", "isPattern": true}]}'
    assert "FogflowK8sBench" not in str(fakes.call("discovery", "POST", "/ngsi9/discoverContextAvailability", body)[2])
