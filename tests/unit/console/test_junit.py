"""The JUnit files of `check` and `verify`: the counts and reasons that a CI system reads."""

from types import SimpleNamespace
from xml.etree import ElementTree as ET

from fogflow_k8s.console import junit

BUDGET_S = 2


def result(id_, state, detail="", remedy=""):
    return SimpleNamespace(check=SimpleNamespace(id=id_, category="room"), state=state, detail=detail, remedy=remedy)


def test_a_check_is_a_case_and_a_warning_passes():
    results = (result("a", "ok"), result("b", "failed", "full", "free it"), result("c", "skipped", "no right"), result("d", "warning", "old", "renew"))  # fmt: skip
    suite = ET.fromstring(junit.of_checkup(SimpleNamespace(results=results)))
    assert suite.attrib == {"name": "fogflow-k8s check", "tests": "4", "failures": "1", "skipped": "1"}
    cases = {case.get("name"): case for case in suite}
    assert cases["a"].attrib == {"name": "a", "classname": "room"}
    assert (cases["b"].find("failure").get("message"), cases["b"].findtext("failure")) == ("full", "free it")
    assert cases["c"].find("skipped").get("message") == "no right"
    assert cases["d"].findtext("system-out") == "warning: old\nrenew"


def test_a_step_of_verify_has_its_time():
    steps = [SimpleNamespace(name="publish", ok=True, ms=12.0, why=""), SimpleNamespace(name="subscribe", ok=False, ms=1500.0, why="no answer")]  # fmt: skip
    suite = ET.fromstring(junit.of_proof(SimpleNamespace(steps=steps)))
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [case.get("time") for case in suite] == ["0.012", "1.500"]
    assert suite[1].find("failure").get("message") == "no answer"
