"""The redactor masks secrets by structure, by pattern and by value."""

import base64
import json
import re
from collections import Counter
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogflow_k8s.model.components import NAMES
from fogflow_k8s.model.redaction.redactor import BY_VALUE, MASK, PUBLIC_VARIABLES, Redactor, names_secret, redact
from fogflow_k8s.model.redaction.secret_values import SHORTEST, forms_of

ROOT = Path(__file__).parents[4]
KEY = "-----BEGIN RSA PRIVATE KEY-----\nhunter22hunter22hunter22\nhunter22hunter22\n-----END RSA PRIVATE KEY-----"
# what a person may have chosen; a mask is no secret
SECRETS = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="*"), min_size=SHORTEST, max_size=60).filter(
    lambda text: text == text.strip() and text not in (*NAMES, "fogflow")
)  # fmt: skip
AROUND = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="*"), max_size=30)


def secret(**data):
    return {"kind": "Secret", "data": {k: base64.b64encode(v.encode()).decode() for k, v in data.items()}}


def knowing(*values):
    return Redactor(forms_of([secret(**{f"k{i}": v for i, v in enumerate(values)})]))


@pytest.mark.parametrize(
    "text",
    [
        "amqp://fogflow:hunter22@rabbitmq:5672/",
        "amqp://fogflow:hunter22@x@rabbitmq:5672/",
        'password: "hunter22"',
        "PASSWORD=hunter22",
        "DB_PASSWORD_2=hunter22&x=1",
        "https://host/?access_token=hunter22&x=1",
        '{"token": "hunter22"}',
        '{\\"token\\": \\"hunter22\\"}',
        "{'api_key': 'hunter22'}",
        "password: |\n  hunter22\n  hunter22\nuser: x",
        "mysql --password hunter22 -x",
        "Authorization: Bearer hunter22",
        "Authorization: Basic aHVudGVyMjI=hunter22",
        'curl -H "authorization: hunter22"',
        "sent with bearer hunter22hunter22=",
        "Set-Cookie: session=hunter22; Path=/",
        "eyJhbGciOiJIUzI1NiJ9.eyJodW50ZXIyMiI6MX0.hunter22",
        "aws_secret_access_key = hunter22",
        "admin:$apr1$hunter22$hunter22hunter22hunter",
        "admin:$2y$05$hunter22hunter22hunter22hunter22",
        "admin:{SHA}hunter22hunter22hunter22=",
        KEY,
        KEY.replace("\n", "\\n"),
        KEY.partition("\n")[2],  # the beginning was cut off by a limit
        KEY.rpartition("\n")[0],
    ],
)
def test_secrets_are_masked(text):
    counted = Counter()
    assert "hunter22" not in Redactor().text(text, counted)
    assert sum(counted.values()) > 0


@pytest.mark.parametrize(
    "text",
    [
        "GET http://nginx/index.html 200; passwords are fine",
        "secretName: fogflow-rabbitmq",
        "rabbitmq.auth.existingSecret: fogflow-rabbitmq",
        "tokenExpirationSeconds: 3607",
        "passwordFile=/etc/fogflow/password",
        'MountVolume.SetUp failed for volume "x": secret "y" not found',
        "secret: {secretName: x}",
        "automountServiceAccountToken: false",
        'password: ""',
        "password = null",
        "http://10.0.0.1:8080/ngsi10/notify",
        "the basic idea",
        "exceeded quota: objects, requested: secrets=1, used: secrets=8, limited: secrets=8",
        "requested: count/secrets=1, used: count/secrets=10",
        'Get "https://127.0.0.1:6443/api/v1/namespaces/fogflow/secrets": EOF',
        'Post "https://10.0.0.1:6443/api/v1/namespaces/a/serviceaccounts/default/token": dial tcp: i/o timeout',
        'could not get information about the resource Secret: secrets "x" is forbidden',
        'Secret: "fogflow-rabbitmq" not found',
    ],
)
def test_other_text_is_left_alone(text):
    assert redact(text) == text


@pytest.mark.parametrize(
    "text",
    ["a" * 10**6, ("QUJD" * 16 + "\n") * 15_000, 'password: "' * 20_000, "eyJaaaaa-" * 50_000, "http://" * 100_000, " " * 10**6, "\\" * 10**6,
     "-----BEGIN PRIVATE KEY-----" * 20_000, "QUJDQUJDQUJDQUJD -----END PRIVATE KEY-----\n" * 20_000],
)  # fmt: skip
@pytest.mark.timeout(60)
def test_long_lines_do_not_hang(text):
    """A regular expression with exponential backtracking would block the program and its time limits."""
    assert len(redact(text)) <= len(text)


@given(SECRETS, AROUND, AROUND)
def test_a_known_value_is_masked_however_it_is_written(value, before, after):
    redactor = knowing(value)
    data = value.encode()
    written = {
        value,
        quote(value, safe=""),
        quote_plus(value),
        json.dumps(value)[1:-1],
        base64.b64encode(data).decode(),
    }
    for form in written:
        counted = Counter()
        shown = redactor.text(f"{before}{form}{after}", counted)
        assert form not in shown
        assert sum(counted.values()) > 0


@given(SECRETS, AROUND, AROUND)
def test_a_known_value_is_masked_inside_base64(value, before, after):
    """Base64 of a longer text contains the middle of the value's base64: only the bytes at both ends may remain."""
    inside = base64.b64encode(f"{before}{value}{after}".encode()).decode()
    if len(base64.b64encode(value.encode()).rstrip(b"=")) >= SHORTEST + 4:
        assert MASK in knowing(value).text(inside)


@given(SECRETS, SECRETS, AROUND)
def test_two_known_values_that_overlap(one, two, between):
    shown = knowing(one, two).text(f"{one}{two}{between}{two}{one}")
    assert one not in shown
    assert two not in shown


@given(
    SECRETS,
    st.recursive(
        AROUND, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(AROUND, inner, max_size=3), max_leaves=8
    ),
)
def test_an_object_stays_an_object_and_is_masked_once(value, tree):
    redactor = knowing(value)
    once = redactor.object({"a": tree, "b": [f"x {value} y"], "password": value})
    assert value not in json.dumps(once, ensure_ascii=False)
    assert redactor.object(once) == once
    assert once["password"] == MASK


@given(AROUND.filter(lambda text: not any(c in text for c in ":=$-")))
def test_without_a_secret_nothing_changes(text):
    assert knowing("hunter22hunter22").text(text) == text


@pytest.mark.parametrize(
    ("data", "leaked"),
    [
        ({"htpasswd": "admin:hunter22\nana:another-one\n"}, "user admin, hash hunter22"),
        ({".dockerconfigjson": json.dumps({"auths": {"r": {"auth": base64.b64encode(b"u:hunter22").decode()}}})}, "login hunter22"),
        ({"config.json": json.dumps({"rabbitmq": {"user": "f", "password": "hunter22"}})}, "bus hunter22"),
        ({"tls.key": "-----BEGIN KEY-----\nhunter22hunter22\n-----END KEY-----\n"}, "hunter22hunter22"),
        ({"url": "hunter22 with a blank"}, "x hunter22 with a blank y"),
    ],
)  # fmt: skip
def test_what_is_inside_a_file_in_a_secret_is_known(data, leaked):
    assert "hunter22" not in Redactor(forms_of([secret(**data)])).text(leaked)


@pytest.mark.parametrize("value", ["short", "rabbitmq", "fogflow", "city"])
def test_words_that_stand_everywhere_are_not_masked(value):
    redactor = Redactor(forms_of([secret(user=value)], public=("city",)))
    assert redactor.text(f"the {value} of it") == f"the {value} of it"


def test_a_secret_keeps_the_names_and_sizes_of_its_keys():
    counted = Counter()
    shown = Redactor().object(secret(password="hunter22", other="x"), counted)
    assert shown == {"kind": "Secret", "keys": [{"name": "password", "bytes": 12}, {"name": "other", "bytes": 4}]}
    assert counted["Secret"] == 2
    assert "hunter22" not in json.dumps(Redactor().object({"items": [{**secret(), "stringData": {"a": "hunter22"}}]}))


def test_variables_and_arguments():
    env = [
        {"name": "DB_PASSWORD", "value": "hunter22"},
        {"name": "NOBODY_KNOWS", "value": "hunter22"},
        {"name": "LEVEL", "value": "debug"},
        {"name": "NUMBER", "value": "1234567.8"},
        {"name": "HOME", "value": "/tmp"},
        {"name": "FROM", "valueFrom": {"secretKeyRef": {"name": "own", "key": "password"}}},
    ]
    container = {"name": "x", "env": env, "args": ["--token", "hunter22", "--password=hunter22", "--level", "debug"]}
    counted = Counter()
    shown = Redactor().object({"spec": {"containers": [container]}}, counted)["spec"]["containers"][0]
    assert [e.get("value") for e in shown["env"]] == [MASK, MASK, "debug", "1234567.8", "/tmp", None]
    assert shown["env"][5] == env[5]
    assert shown["args"] == ["--token", MASK, f"--password={MASK}", "--level", "debug"]
    assert counted == {"variable": 2, "flag": 1, "named": 1}


def test_annotations_and_managed_fields():
    metadata = {
        "managedFields": [{"manager": "hunter22"}],
        "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "hunter22",
            "note": "hunter22",
            "example.com/x": "hunter22",
            "deployment.kubernetes.io/revision": "3",
            "nginx.ingress.kubernetes.io/auth-token": "hunter22",
            "checksum/config": "0123abcd",
        },
    }
    shown = Redactor().object({"metadata": metadata})["metadata"]
    assert shown == {
        "annotations": {
            "note": MASK, "example.com/x": MASK, "deployment.kubernetes.io/revision": "3",
            "nginx.ingress.kubernetes.io/auth-token": MASK, "checksum/config": "0123abcd",
        }
    }  # fmt: skip


def test_a_variable_called_a_password_is_known_by_value():
    env = [{"name": "DB_PASSWORD", "value": "hunter22"}, {"name": "LEVEL", "value": "verbose"}]
    workload = {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [{"name": "x", "env": env}]}}}}
    counted = Counter()
    assert Redactor(forms_of([workload])).text("verbose: hunter22", counted) == f"verbose: {MASK}"
    assert counted[BY_VALUE] == 1


@pytest.mark.parametrize(
    ("name", "secret_"),
    [("password", True), ("apiKey", True), ("AUTH_TOKEN", True), ("DB_PWD_1", True), ("secretName", False), ("PWD", False), ("passwordFile", False),
     ("existingSecret", False), ("tokenExpirationSeconds", False), ("name", False)],
)  # fmt: skip
def test_which_names_mean_a_secret(name, secret_):
    assert names_secret(name) is secret_


def test_the_charts_own_variables_are_shown():
    """The list contains exactly the variables that the chart sets."""
    chart = "\n".join(p.read_text() for p in (ROOT / "charts/fogflow-chart/templates").rglob("*.*"))
    found = re.findall(r"name: ([A-Z_]+)(?:, |\n +)value: (\"[^\"]*\"|[^\s}]+)", chart)
    assert {name: value.strip('"') for name, value in found} == PUBLIC_VARIABLES
    assert not [name for name in PUBLIC_VARIABLES if names_secret(name)]
