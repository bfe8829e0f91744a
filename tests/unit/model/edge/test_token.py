"""Tokens: encoding, decoding, and every kind of damage."""

import json
import re
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fogflow_k8s.model.edge.token import (
    BadToken,
    Endpoint,
    Token,
    checked_site,
    decode,
    definitions,
    encode,
    mark_of,
    queues_of,
)

SITES = st.text(string.ascii_letters + string.digits, min_size=1, max_size=32)
ENDS = st.builds(Endpoint, st.sampled_from(["192.0.2.1", "2001:db8::1", "cloud.example"]), st.integers(1, 65535))
TOKENS = st.builds(
    Token, id=st.text("0123456789abcdef", min_size=16, max_size=16), site=SITES, rabbitmq=ENDS, discovery=ENDS, broker=ENDS,
    broker_name=st.just("cloud-broker.fogflow.svc.cluster.local"), user=SITES.map("edge-{}".format), password=st.text(min_size=1),
    issued=st.integers(0, 2**33), expires=st.integers(0, 2**33), cloud_site=SITES,
)  # fmt: skip
A_TOKEN = encode(
    Token(
        "0f",
        "002",
        Endpoint("192.0.2.1", 5672),
        Endpoint("192.0.2.1", 8090),
        Endpoint("192.0.2.1", 8070),
        "b",
        "edge-002",
        "secret",
    )
)


@given(TOKENS)
def test_decoding_returns_the_encoded_token(token):
    assert decode(encode(token)) == token


@given(TOKENS, st.integers(1, 200))
def test_line_ends_of_a_terminal_do_not_matter(token, width):
    line = encode(token)
    assert decode("\n  ".join(line[i : i + width] for i in range(0, len(line), width)) + "\n") == token


@given(TOKENS, st.data())
def test_any_single_character_changed_lost_or_added_is_noticed(token, data):
    line = encode(token)
    at = data.draw(st.integers(0, len(line) - 1))
    other = data.draw(st.characters(codec="utf-8"))
    assume(other != line[at] and not other.isspace())
    for wrong in (line[:at] + other + line[at + 1 :], line[:at] + line[at + 1 :], line[:at] + other + line[at:]):
        if wrong != line:
            with pytest.raises(BadToken):
                decode(wrong)


def test_every_other_printable_character_at_every_place_is_noticed():
    for at in range(len(A_TOKEN)):
        for other in string.digits + string.ascii_letters + "-_.=":
            if other != A_TOKEN[at]:
                with pytest.raises(BadToken):
                    decode(A_TOKEN[:at] + other + A_TOKEN[at + 1 :])


@given(st.integers(5, len(A_TOKEN) - 1))
def test_a_truncated_token_is_reported_as_truncated(length):
    with pytest.raises(BadToken) as caught:
        decode(A_TOKEN[:length])
    assert caught.value.kind == "truncated"


@pytest.mark.parametrize("text", ["", "nonsense", "fke", "Bearer x.y.z", "fkeX.abc.0123456789abcdef"])
def test_a_text_that_is_not_a_token(text):
    with pytest.raises(BadToken) as caught:
        decode(text)
    assert caught.value.kind == "mistyped"


def test_a_later_version_is_not_reported_as_mistyped():
    from fogflow_k8s.model.edge.token import _checksum

    head = "fke2." + A_TOKEN.split(".")[1]
    with pytest.raises(BadToken, match="of version 2, and this program knows 1") as caught:
        decode(f"{head}.{_checksum(head)}")
    assert caught.value.kind == "version"


def test_the_password_is_in_no_representation():
    assert "secret" not in repr(decode(A_TOKEN))


@pytest.mark.parametrize("site", ["", "a b", "0/2", "x" * 33, "001", "Ä"])
def test_invalid_site_ids(site):
    with pytest.raises(ValueError, match="site id"):
        checked_site(site, "001")


def test_the_users_definitions_hold_a_hash_and_not_the_password():
    made = definitions("002", "the password", b"salt")
    assert "the password" not in json.dumps(made)
    assert made["users"][0]["hashing_algorithm"] == "rabbit_password_hashing_sha256"
    assert made["users"][0]["tags"] == []


OWN = ("Worker.002", "Worker.002.1", "fogflow-k8s.Worker.002", mark_of("002", "0123abcd"))
OTHERS = (
    "Worker.003",
    "Worker.0021",
    "Worker.001",
    "Master.001",
    "fogflow-designer",
    "xWorker.002",
    "Worker.002.x",
    mark_of("003", "0a"),
)


@pytest.mark.parametrize("right", ["configure", "write", "read"])
def test_an_edge_may_use_its_own_queues_and_no_others(right):
    allowed = definitions("002", "p", b"salt")["permissions"][0][right]
    assert [queue for queue in (*OWN, *OTHERS, "amq.topic") if re.search(allowed, queue)] == list(OWN)
    assert re.search(allowed, "fogflow")
    assert set(queues_of("002")) <= set(OWN)


def test_an_edge_publishes_reports_and_binds_its_own_key():
    topic = definitions("002", "p", b"salt")["topic_permissions"][0]
    keys = ["heartbeat.", "task.", "Worker.003.", "Master.001.", "orchestration.x", "designer.x", "xtask."]
    assert [key for key in keys if re.search(topic["write"], key)] == ["heartbeat.", "task."]
    bindings = ["Worker.002.*", "Worker.002.1.*", "Worker.003.*", "#", "*.*", "task.", "Worker.002x*"]
    assert [key for key in bindings if re.search(topic["read"], key)] == ["Worker.002.*", "Worker.002.1.*"]
