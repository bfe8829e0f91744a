"""Settings files: every way of being broken is a typed error that says where; all problems at once."""

from __future__ import annotations

import os

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fogflow_k8s.adapters.assignments import Assignment, assign
from fogflow_k8s.adapters.files import load, parse_set, settings
from fogflow_k8s.errors import ConfigError
from tests.strategies import text


def _file(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.json", "", "is empty"),
        ("a.yaml", "  \n", "is empty"),
        ("a.json", '{"a": 1', ":1: not JSON"),
        ("a.json", '{"a": {"b": [1,', "ends too early"),
        ("a.json", '{\n"a": 1,\n"a": 2}', ":3: a is given twice (first in line 2)"),
        ("a.json", '{"a": NaN}', "NaN is not a JSON number"),
        ("a.json", "[1]", "a mapping of keys is needed at the top, found a list"),
        ("a.json", "[" * 100_000, "not JSON"),
        ("a.yaml", "just text", "found text"),
        ("a.yaml", "# only a comment", "found nothing"),
        ("a.yaml", "a: 1\nb: [1", "not YAML"),
        ("a.yaml", "a:\n\tb: 1", "not YAML"),
        ("a.yaml", "a: 1\nb: 2\na: 3", ":3: a is given twice (first in line 1)"),
        ("a.yaml", "a: &x\n  - *x", "not YAML"),
        ("a.yaml", "--- {a: 1}\n--- {b: 1}", "not YAML"),
        ("a.yaml", "a: !!python/object:os.system x", "not YAML"),
        ("a.yaml", "[" * 100_000, "not YAML"),
        ("a.yaml", b"\x7fELF\x00\xff\xfe", "is not text in UTF-8"),
        ("a.yaml", b"a: \x00", "not YAML"),
        ("a.json", b" " * 1_000_001, "not a settings file"),
    ],
)
def test_a_broken_file(tmp_path, name, content, says):
    with pytest.raises(ConfigError) as caught:
        load(_file(tmp_path, name, content))
    assert says in caught.value.message
    assert str(tmp_path / name) in caught.value.message


def test_aliases_cannot_make_a_small_file_large(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    with pytest.raises(ConfigError, match="not a settings file"):
        load(_file(tmp_path, "a.yaml", "\n".join(lines)))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        load(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="is a folder"):
        load(tmp_path)
    if os.geteuid():
        path = _file(tmp_path, "a.yaml", "a: 1")
        path.chmod(0)
        with pytest.raises(ConfigError, match="permission denied"):
            load(path)


def test_lines_of_keys_in_both_formats(tmp_path):
    as_json = load(_file(tmp_path, "a.json", '{\n "a": {\n  "b": [1, {"c": "}\\"{"}],\n  "d": -1.5e3\n }\n}'))
    as_yaml = load(_file(tmp_path, "a.yaml", 'a:\n  # more\n  b:\n    - 1\n    - c: "}"\n  d: -1.5e+3'))
    assert {path: as_json.line_of(path) for path in [("a",), ("a", "b"), ("a", "b", 1, "c"), ("a", "d")]} == {
        ("a",): 2,
        ("a", "b"): 3,
        ("a", "b", 1, "c"): 3,
        ("a", "d"): 4,
    }
    assert [as_yaml.line_of(path) for path in [("a",), ("a", "b"), ("a", "b", 1, "c"), ("a", "d")]] == [1, 3, 5, 6]
    assert as_json.line_of(("x",)) is None


def test_a_byte_order_mark_and_dates_do_no_harm(tmp_path):
    assert load(_file(tmp_path, "a.yaml", b"\xef\xbb\xbfa: 2026-11-23")).data == {"a": "2026-11-23"}


def test_a_merge_key_is_no_double(tmp_path):
    document = load(_file(tmp_path, "a.yaml", "x: &x {a: 1, b: 1}\ny:\n  <<: *x\n  a: 2"))
    assert document.data["y"] == {"a": 2, "b": 1}


@given(
    data=st.dictionaries(
        text, st.recursive(text | st.integers() | st.booleans(), lambda each: st.lists(each, max_size=3))
    )
)
def test_every_key_of_a_json_file_has_a_line(tmp_path_factory, data):
    import json

    path = tmp_path_factory.getbasetemp() / "every.json"
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False), encoding="utf-8")
    if data:
        document = load(path)
        assert document.data == data
        assert all(document.line_of((key,)) for key in data)


@pytest.mark.parametrize(
    ("given_text", "path", "value"),
    [
        ("a=1", ("a",), 1),
        ("a=-1", ("a",), -1),
        ("a=001", ("a",), "001"),
        ("a=1.5", ("a",), "1.5"),
        ("a=1e3", ("a",), "1e3"),
        ("a=true", ("a",), True),
        ("a=null", ("a",), None),
        ("a=yes", ("a",), "yes"),
        ("a=", ("a",), ""),
        ("a=b=c", ("a",), "b=c"),
        ("a.b.c=x", ("a", "b", "c"), "x"),
        (r"a.b\.c/d=x", ("a", "b.c/d"), "x"),
        (r"a=x\,y", ("a",), "x,y"),
        (r"a\=b=c", ("a=b",), "c"),
        ("a[0].b=x", ("a", 0, "b"), "x"),
        ("a[0][1]=x", ("a", 0, 1), "x"),
        ("a={x,1,true}", ("a",), ["x", 1, True]),
        ("a={}", ("a",), []),
    ],
)
def test_set_is_read_as_helm_does(given_text, path, value):
    (assignment,) = parse_set(given_text)
    assert (assignment.path, assignment.value) == (path, value)
    assert type(assignment.value) is type(value)


def test_several_in_one_set():
    assert [each.path for each in parse_set("a=1,b.c={x,y},d=2")] == [("a",), ("b", "c"), ("d",)]


@pytest.mark.parametrize("bad", ["", "a", "=1", "a.=1", ".a=1", "a[=1", "a[x]=1", "[0]=1", "a[99999]=1", "a=1,"])
def test_a_set_that_cannot_be(bad):
    with pytest.raises(ConfigError, match="--set"):
        parse_set(bad)


def test_assign_makes_what_is_missing_and_replaces_what_is_in_the_way():
    data = {"a": "text"}
    assign(data, Assignment(("a", "b", 0, "c"), 1, "1"))
    assign(data, Assignment(("a", "b", 1), 2, "2"))
    assert data == {"a": {"b": [{"c": 1}, 2]}}
    with pytest.raises(ConfigError, match="past the end"):
        assign(data, Assignment(("a", "b", 5), 1, "1"))
    with pytest.raises(ConfigError, match="is a list"):
        assign(data, Assignment(("a", "b", "c"), 1, "1"))


def test_later_ones_win(tmp_path):
    config = _file(tmp_path, "config.json", '{"site_id": "one", "worker": {"capacity": 3}}')
    first = _file(tmp_path, "1.yaml", "config: {site_id: two}\nreplicaCount: 3\nbroker: {image: {tag: x}}")
    second = _file(tmp_path, "2.yaml", "replicaCount: 4\nbroker: {image: {pullPolicy: Always}}")
    values = settings(config, [first, second], ["replicaCount=5"])
    assert (values.config.site_id, values.config.worker.capacity, values.replica_count) == ("two", 3, 5)
    assert (values.broker.image.tag, values.broker.image.pull_policy) == ("x", "Always")


def test_several_shards_are_refused_unless_they_are_accepted_or_forced(tmp_path):
    several = _file(tmp_path, "values.yaml", "replicaCount: 3\nbroker: {shards: 2}")
    with pytest.raises(ConfigError, match=r"values\.yaml:2: broker: shards is 2, .*fogflow-k8s deploy --force"):
        settings(values_paths=[several])
    with pytest.raises(ConfigError, match="--set: broker: shards is 3"):
        settings(sets=["broker.shards=3"])
    assert settings(sets=["broker.shards=3", "broker.acceptNotificationLoops=true"]).broker.shards == 3
    forced = settings(values_paths=[several], force=True).given()["broker"]
    assert forced == {"shards": 2, "acceptNotificationLoops": True}, "the chart refuses it otherwise"
    assert settings(sets=["broker.shards=1"], force=True).given()["broker"] == {"shards": 1}
    assert settings(force=True).given() == {}


def test_set_takes_the_type_that_the_key_wants():
    values = settings(sets=["broker.image.tag=4", "config.physical_location.longitude=1.5", "config.site_id=7"])
    assert values.broker.image.tag == "4"
    assert values.config.physical_location.longitude == 1.5
    assert values.config.site_id == "7"


def test_external_ip_exposes_and_names_the_core(tmp_path):
    values = settings(external_ips=["192.0.2.1", "192.0.2.2"])
    assert values.expose.type == "externalIPs"
    assert values.external_ips == ["192.0.2.1", "192.0.2.2"]
    assert values.config.coreservice_ip == values.config.external_hostip == "192.0.2.1"
    config = _file(tmp_path, "config.json", '{"coreservice_ip": "192.0.2.2"}')
    assert settings(config, external_ips=["192.0.2.1", "192.0.2.2"]).config.coreservice_ip == "192.0.2.2"
    with pytest.raises(ConfigError, match="two addresses for one front door"):
        settings(config, external_ips=["192.0.2.9"])


def test_every_problem_at_once_with_file_line_and_key(tmp_path):
    config = _file(
        tmp_path,
        "config.json",
        '{\n "site_id": "a-b",\n "my_hostip": "x y",\n "broker": {"host_ip": "1", "http_prt": 3},\n'
        ' "rabbitmq": {"password": "sesame", "host_ip": "z"},\n "worker": {"container_management": "docker"}\n}',
    )
    values = _file(tmp_path, "values.yaml", "broker:\n  image:\n    tgo: x\n    tag: 1\nnoodle: 1\n")
    with pytest.raises(ConfigError) as caught:
        settings(config, [values], ["replicaCount=0", "nonsense.key=1"], ["192.0.2.x"])
    message = caught.value.message
    for expected in (
        f"{config}:2: site_id: must look like",
        f"{config}:3: my_hostip: must look like",
        f"{config}:4: broker.host_ip: not used here: remove it",
        f"{config}:4: broker.http_prt: unknown key; did you mean http_port?",
        f"{config}:5: rabbitmq.password: must look like",
        f"{config}:5: rabbitmq.host_ip: not used here: for a RabbitMQ of your own",
        f'{config}:6: worker.container_management: must be kubernetes (found "docker")',
        f"{values}:3: broker.image.tgo: unknown key; did you mean tag?",
        f"{values}:4: broker.image.tag: must be text: put it in quotes (found 1)",
        f"{values}:5: noodle: unknown key; allowed here: Service, broker",
        "--set: replicaCount: must be greater than or equal to 1 (found 0)",
        "--set: nonsense: unknown key",
        "--external-ip: externalIPs[0]: must look like",
    ):
        assert expected in message
    assert message.startswith("the settings have 13 problems:")
    assert "sesame" not in message, "a password is never shown"


def test_rules_between_keys_name_their_section(tmp_path):
    config = _file(tmp_path, "config.json", '{\n "broker": {"http_port": 8090}\n}')
    with pytest.raises(ConfigError, match=r"discovery.http_port and broker.http_port have the same port 8090"):
        settings(config)


@pytest.mark.parametrize("content", ["1: x", "y: 1", "null: 1", "2026-11-23: 1", "1.5: 2"])
def test_keys_that_are_no_text_are_unknown_keys(tmp_path, content):
    assert not isinstance(next(iter(yaml.safe_load(content))), str) or content.startswith("y")
    with pytest.raises(ConfigError, match="unknown key"):
        settings(None, [_file(tmp_path, "a.yaml", content)])
