"""`-o jsonl`: a program follows a deploy line by line."""

import pytest

from tests.documents import parse
from tests.scope import only_all

pytestmark = pytest.mark.cluster
IP = ["--external-ip", "192.0.2.10"]


def events(site, *words, code=0):
    return [parse(line) for line in site.run(*words, "-o", "jsonl", code=code).splitlines()]


def test_a_deploy_event_by_event(site):
    told = events(site, "deploy", *IP)
    assert all(event["kind"] == "Event" and event["time"] for event in told)
    assert told[-1]["type"] == "result"
    assert (told[-1]["document"]["result"], told[-1]["document"]["exitCode"]) == ("installed", 0)
    last = {event["component"]: event["state"] for event in told if event["type"] == "component"}
    assert last == {each["name"]: "ready" for each in told[-1]["document"]["components"] if each["state"] != "disabled"}
    assert [event["step"] for event in told] == sorted(event["step"] for event in told)


@only_all
def test_a_cause_and_the_way_back_and_an_error(site):
    site.deploy()
    told = events(site, "deploy", *IP, "--set", "discovery.image.tag=does-not-exist", code=20)
    assert "FK-4001" in [event["cause"]["id"] for event in told if event["type"] == "cause"]
    assert told[-1]["document"]["result"] == "rolled-back"
    assert events(site, "rollback", "1", "--yes")[-1]["document"]["result"] == "rolled-back"
    [only] = events(site, "rollback", "99", "--yes", code=2)
    assert only["document"]["error"]["remedy"]
