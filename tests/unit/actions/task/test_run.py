"""`task run` with a fake of FogFlow in one process."""

import pytest

from fogflow_k8s.actions.task import run
from fogflow_k8s.actions.task.run import TaskRequest
from fogflow_k8s.errors import (
    ClusterError,
    FogflowError,
    Interrupted,
    OperationFailed,
    Refused,
)
from fogflow_k8s.model.task.functions import CREATED_KEY
from fogflow_k8s.model.task.observed import group_key
from tests.unit.actions.fogflow import Clock
from tests.unit.actions.task.request import REQUEST

BUDGET_S = 15


def test_a_task_is_run_with_the_requests_of_a_fogflow_application(make, tmp_path):
    fog, op, ctl = make()
    ran = run.run(op, ctl, REQUEST)
    changes = [call for call in fog.calls if not call.startswith("GET") and not call.endswith("queryContext")]
    assert changes == ["POST /operator", "POST /fogfunction", "POST /ngsi10/updateContext"]
    assert fog.operators["f1"]["parameters"][0]["value"] == "50m"
    assert (ran.entity, ran.task.topology, ran.task.state) == ("Temperature.f1", "f1", "running")
    assert ran.output["attributes"][0]["value"] == 7
    arguments = (tmp_path / "said").read_text()
    assert "port-forward service/designer :http" in arguments
    assert "port-forward service/cloud-broker :http" in arguments


def test_without_an_output_type_the_command_does_not_wait_for_an_output(make):
    fog, op, ctl = make(publishes=False)
    ran = run.run(op, ctl, TaskRequest("x:1", "T", name="f1"))
    assert (ran.output, ran.output_s) == (None, None)
    assert fog.calls.count("POST /ngsi10/queryContext") == 1, "whether its entity exists"


def test_an_output_that_existed_before_does_not_count(make):
    fog, op, ctl = make()
    id_ = f"Count.{group_key(REQUEST.source)}.1"
    fog.entities[id_] = {"entityId": {"id": id_, "type": "Count"}, "attributes": [{"name": "count", "value": 1}]}
    with pytest.raises(OperationFailed, match="has published no Count"):
        run.run(op, ctl, REQUEST)


@pytest.mark.parametrize(
    ("properties", "id_", "code", "message"),
    [
        ({"makes": False}, "FK-6009", 30, "made no task of f1 within 10 s"),
        ({"publishes": False}, "FK-6010", 30, "has published no Count"),
        (
            {"state": "failed", "ready": False, "reason": "no image for this hardware"},
            "FK-6011",
            21,
            "no image for this hardware",
        ),
        ({"state": "pending", "ready": False, "reason": "no node has room"}, "FK-6012", 30, "still pending"),
        ({"state": "running", "ready": False}, "FK-6012", 30, "its pod is not ready"),
    ],
)
def test_a_failure_has_an_id_a_reason_and_a_next_step(make, properties, id_, code, message):
    fog, op, ctl = make(**properties)
    with pytest.raises(OperationFailed) as error:
        run.run(op, ctl, REQUEST)
    assert error.value.message.startswith(id_)
    assert message in error.value.message
    assert error.value.exit_code == code
    assert "fogflow-k8s task stop f1" in error.value.hint
    assert "f1" in fog.functions, "what was created stays for an inspection"


@pytest.mark.parametrize(("mark", "hint"), [({CREATED_KEY: {}}, "fogflow-k8s task stop f1"), ({}, "--name ANOTHER")])
def test_a_function_of_that_name_is_not_replaced(make, mark, hint):
    fog, op, ctl = make()
    fog.functions["f1"] = {"name": "f1", "topology": {"tasks": []}, **mark}
    with pytest.raises(Refused, match="there is a function f1 already") as error:
        run.run(op, ctl, REQUEST)
    assert error.value.hint == hint
    assert fog.calls == ["GET /fogfunction"]


def test_after_a_ctrl_c_what_was_created_stays(make):
    def interrupt(_):
        raise KeyboardInterrupt

    _, op, ctl = make(clock=Clock(interrupt), makes=False)
    with pytest.raises(Interrupted, match="function f1 stays") as error:
        run.run(op, ctl, REQUEST)
    assert error.value.hint == "fogflow-k8s task stop f1"


def test_an_error_of_the_designer_is_shown_verbatim(make):
    fog, op, ctl = make()
    fog.refuse["POST /fogfunction"] = 500
    with pytest.raises(ClusterError, match=r"the designer answered 500 to POST /fogfunction: .*so it is"):
        run.run(op, ctl, REQUEST)


def test_simulated_nodes_run_no_task(make):
    _, op, ctl = make()
    op.cluster.nodes = [{"metadata": {"name": "n", "labels": {"fogflow-k8s.io/simulated": "true"}}}]
    with pytest.raises(FogflowError, match="simulated") as error:
        run.run(op, ctl, REQUEST)
    assert error.value.exit_code == 40
