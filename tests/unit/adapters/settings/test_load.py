"""Settings files: every broken file is a typed error with its line, and all problems are reported at once."""

from __future__ import annotations

import os

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fogflow_k8s.adapters.settings.load import load_document, load_edge_settings, parse_set
from fogflow_k8s.adapters.settings.load import load_settings as read
from fogflow_k8s.adapters.settings.set_flag import Assignment, assign
from fogflow_k8s.errors import ConfigError
from tests.strategies import text

BUDGET_S = 14


def settings(*args, **named):
    """Return only the values of load_settings."""
    return read(*args, **named).values


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
        ("a.json", "[" * 100_000, "at most 50 are allowed"),
        ("a.json", '{"a": ' + "[" * 51 + "]" * 51 + "}", ":1: nested more than 50 levels deep"),
        ("a.yaml", "just text", "found text"),
        ("a.yaml", "# only a comment", "found nothing"),
        ("a.yaml", "a: 1\nb: [1", "not YAML"),
        ("a.yaml", "a:\n\tb: 1", "not YAML"),
        ("a.yaml", "a: 1\nb: 2\na: 3", ":3: a is given twice (first in line 1)"),
        ("a.yaml", "a: &x\n  - *x", ":1: a[0]: the anchor (&NAME) of this value is used inside the value itself"),
        ("a.yaml", "a: &a [*a]", ":1: a[0]: the anchor"),
        ("a.yaml", "a: &x {b: 1, <<: *x}", "the anchor"),
        ("a.yaml", "--- {a: 1}\n--- {b: 1}", "not YAML"),
        ("a.yaml", "a: !!python/object:os.system x", "not YAML"),
        ("a.yaml", "[" * 100_000, "at most 50 are allowed"),
        ("a.yaml", "b: 1\na: " + "[" * 51 + "]" * 51, ":2: nested more than 50 levels deep"),
        ("a.yaml", b"\x7fELF\x00\xff\xfe", "is not text in UTF-8"),
        ("a.yaml", b"a: \x00", "not YAML"),
        ("a.json", b" " * 1_000_001, "not a settings file"),
    ],
)
def test_a_broken_file(tmp_path, name, content, says):
    with pytest.raises(ConfigError) as caught:
        load_document(_file(tmp_path, name, content))
    assert says in caught.value.message
    assert str(tmp_path / name) in caught.value.message


def test_aliases_cannot_expand_a_small_file_without_limit(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    with pytest.raises(ConfigError, match="not a settings file"):
        load_document(_file(tmp_path, "a.yaml", "\n".join(lines)))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        load_document(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="is a folder"):
        load_document(tmp_path)
    if os.geteuid():
        path = _file(tmp_path, "a.yaml", "a: 1")
        path.chmod(0)
        with pytest.raises(ConfigError, match="permission denied"):
            load_document(path)


def test_lines_of_keys_in_both_formats(tmp_path):
    as_json = load_document(_file(tmp_path, "a.json", '{\n "a": {\n  "b": [1, {"c": "}\\"{"}],\n  "d": -1.5e3\n }\n}'))
    as_yaml = load_document(_file(tmp_path, "a.yaml", 'a:\n  # more\n  b:\n    - 1\n    - c: "}"\n  d: -1.5e+3'))
    assert {path: as_json.line_of(path) for path in [("a",), ("a", "b"), ("a", "b", 1, "c"), ("a", "d")]} == {
        ("a",): 2,
        ("a", "b"): 3,
        ("a", "b", 1, "c"): 3,
        ("a", "d"): 4,
    }
    assert [as_yaml.line_of(path) for path in [("a",), ("a", "b"), ("a", "b", 1, "c"), ("a", "d")]] == [1, 3, 5, 6]
    assert as_json.line_of(("x",)) is None


def test_a_byte_order_mark_is_ignored_and_dates_are_text(tmp_path):
    assert load_document(_file(tmp_path, "a.yaml", b"\xef\xbb\xbfa: 2026-11-23")).data == {"a": "2026-11-23"}


def test_a_merge_key_is_not_a_duplicate(tmp_path):
    document = load_document(_file(tmp_path, "a.yaml", "x: &x {a: 1, b: 1}\ny:\n  <<: *x\n  a: 2"))
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
        document = load_document(path)
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
def test_set_is_parsed_like_helm(given_text, path, value):
    (assignment,) = parse_set(given_text)
    assert (assignment.path, assignment.value) == (path, value)
    assert type(assignment.value) is type(value)


def test_several_in_one_set():
    assert [each.path for each in parse_set("a=1,b.c={x,y},d=2")] == [("a",), ("b", "c"), ("d",)]


@pytest.mark.parametrize("bad", ["", "a", "=1", "a.=1", ".a=1", "a[=1", "a[x]=1", "[0]=1", "a[99999]=1", "a=1,"])
def test_an_invalid_set(bad):
    with pytest.raises(ConfigError, match="--set"):
        parse_set(bad)


def test_assign_creates_missing_parents_and_replaces_scalars():
    data = {"a": "text"}
    assign(data, Assignment(("a", "b", 0, "c"), 1, "1"))
    assign(data, Assignment(("a", "b", 1), 2, "2"))
    assert data == {"a": {"b": [{"c": 1}, 2]}}
    with pytest.raises(ConfigError, match="past the end"):
        assign(data, Assignment(("a", "b", 5), 1, "1"))
    with pytest.raises(ConfigError, match="is a list"):
        assign(data, Assignment(("a", "b", "c"), 1, "1"))


def test_later_sources_win(tmp_path):
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


def test_set_is_converted_to_the_keys_type():
    values = settings(sets=["broker.image.tag=4", "config.physical_location.longitude=1.5", "config.site_id=7"])
    assert values.broker.image.tag == "4"
    assert values.config.physical_location.longitude == 1.5
    assert values.config.site_id == "7"


def test_external_ip_sets_the_exposure_and_the_core_address(tmp_path):
    values = settings(external_ips=["192.0.2.1", "192.0.2.2"])
    assert values.expose.type == "externalIPs"
    assert values.external_ips == ["192.0.2.1", "192.0.2.2"]
    assert values.config.coreservice_ip == values.config.external_hostip == "192.0.2.1"
    config = _file(tmp_path, "config.json", '{"coreservice_ip": "192.0.2.2"}')
    assert settings(config, external_ips=["192.0.2.1", "192.0.2.2"]).config.coreservice_ip == "192.0.2.2"
    with pytest.raises(ConfigError, match="different addresses for one reverse proxy"):
        settings(config, external_ips=["192.0.2.9"])


def test_every_problem_at_once_with_file_line_and_key(tmp_path):
    config = _file(
        tmp_path,
        "config.json",
        '{\n "site_id": "---",\n "my_hostip": "x y",\n "broker": {"host_ip": "1", "http_prt": 3},\n'
        ' "rabbitmq": {"password": "s\u00e9same", "vhost": "z"},\n "worker": {"container_management": "podman"}\n}',
    )
    values = _file(tmp_path, "values.yaml", "broker:\n  image:\n    tgo: x\n    tag: 1\nnoodle: 1\n")
    with pytest.raises(ConfigError) as caught:
        settings(config, [values], ["replicaCount=0", "nonsense.key=1"], ["192.0.2.x"])
    message = caught.value.message
    for expected in (
        f'{config}:2: site_id: must be letters and digits only (found "---")',
        f"{config}:3: my_hostip: must be a host name or IP address",
        f"{config}:4: broker.http_prt: unknown key; did you mean http_port?",
        f"{config}:5: rabbitmq.password: must be printable ASCII characters",
        f"{config}:5: rabbitmq.vhost: unknown key; allowed here: password, username",
        f'{config}:6: worker.container_management: must be kubernetes (found "podman")',
        f"{values}:3: broker.image.tgo: unknown key; did you mean tag?",
        f"{values}:4: broker.image.tag: must be text: put it in quotes (found 1)",
        f"{values}:5: noodle: unknown key; allowed here: Service, bootstrap, broker",
        "--set: replicaCount: must be greater than or equal to 1 (found 0)",
        "--set: nonsense: unknown key",
        "--external-ip: externalIPs[0]: must be an IP address",
    ):
        assert expected in message
    assert message.startswith("the settings have 12 problems:")
    assert "s\u00e9same" not in message, "a password is never shown"


def test_rules_between_keys_name_their_section(tmp_path):
    config = _file(tmp_path, "config.json", '{\n "broker": {"http_port": 8090}\n}')
    with pytest.raises(ConfigError, match=r"discovery.http_port and broker.http_port have the same port 8090"):
        settings(config)


@pytest.mark.parametrize("content", ["1: x", "y: 1", "null: 1", "2026-11-23: 1", "1.5: 2"])
def test_keys_that_are_not_text_are_unknown_keys(tmp_path, content):
    assert not isinstance(next(iter(yaml.safe_load(content))), str) or content.startswith("y")
    with pytest.raises(ConfigError, match="unknown key"):
        settings(None, [_file(tmp_path, "a.yaml", content)])


def test_a_config_json_of_upstream_is_accepted_with_a_note_for_each_key(tmp_path):
    config = _file(
        tmp_path,
        "config.json",
        '{\n "my_ip": "192.0.2.1",\n "my_role": "core",\n "worker": {"container_autoremove": true,\n'
        ' "container_management": "docker"},\n "rabbitmq": {"host_ip": "mq",\n "password": "mypass"}\n}',
    )
    given = read(config)
    assert given.values.config.coreservice_ip == given.values.config.external_hostip == "192.0.2.1"
    assert given.values.rabbitmq.auth.password == "mypass"
    placed = [note.removeprefix(str(config)) for note in given.notes]
    assert [note.partition(": ")[0] for note in placed] == [":2", ":5", "", ":7"]
    assert placed[0] == ":2: my_ip: older name of coreservice_ip, and read as that"
    assert placed[1].startswith(":5: worker.container_management: docker is read as kubernetes")
    for key in ("worker.container_autoremove", "my_role", "rabbitmq.host_ip"):
        assert key in placed[2]
    assert placed[3].startswith(":7: rabbitmq.password: the password is a well-known default")
    assert "mypass" not in " ".join(given.notes)


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("worker.container_autoremove", "not used here: remove it (Kubernetes removes ended tasks)"),
        ("broker.host_ip", "not used here: remove it"),
        ("broker.port", "older name of config.broker.http_port: use that"),
        ("rabbitmq.username", "its place in values.yaml is rabbitmq.auth.username"),
        ("worker.registry", "not used here: create a pull secret"),
    ],
)
def test_the_same_keys_in_values_yaml_are_refused_with_their_successor(key, says):
    with pytest.raises(ConfigError) as caught:
        read(sets=[f"config.{key}=x"])
    assert f"--set: config.{key}: {says}" in caught.value.message


def test_a_values_yaml_of_upstreams_own_chart_is_accepted(tmp_path):
    probes = "".join(f"{kind}Probe:\n  initialDelaySeconds: 40\n" for kind in ("readiness", "liveness"))
    values = _file(tmp_path, "values.yaml", f"namespace: fogflow\nreplicaCount: 1\n{probes}")
    given = read(values_paths=[values])
    assert given.values.given() == {"namespace": "fogflow", "replicaCount": 1}
    assert [note.partition(" (")[0] for note in given.notes] == [
        f"{values}: no effect on Kubernetes, ignored: readinessProbe, livenessProbe"
    ]


@pytest.mark.parametrize("key", ["readinessProbe", "replicaCount", "namespace", "Service"])
def test_upstreams_keys_are_refused_for_an_edge_with_their_successor(tmp_path, key):
    values = _file(tmp_path, "values.yaml", f"{key}: 1\n")
    with pytest.raises(ConfigError, match=rf":1: {key}: no effect here: remove it \("):
        load_edge_settings([values], [], {})


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "169.254.7.7", "fe80::1", "0.0.0.0", "localhost"])
def test_an_address_that_no_other_machine_can_reach_is_refused(tmp_path, address):
    for key in ("coreservice_ip", "external_hostip", "external_ip", "my_ip"):
        config = _file(tmp_path, "config.json", f'{{\n "{key}": "{address}"\n}}')
        with pytest.raises(ConfigError) as caught:
            read(config)
        assert f"{config}:2: {key}: {address} is " in caught.value.message
        assert "no other machine can reach" in caught.value.message
        assert caught.value.message.startswith("the settings have a problem")
    if address != "localhost":
        with pytest.raises(ConfigError, match="no other machine can reach"):
            read(external_ips=[address])
        with pytest.raises(ConfigError, match="no other machine can reach"):
            read(sets=[f"Service.spec.externalIPs={{{address}}}"])


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "10.0.0.1", "172.17.0.1", "cloud.example.org", ""])
def test_an_address_that_may_be_reachable_is_accepted(address):
    assert read(sets=[f"config.coreservice_ip={address}"]).values.config.coreservice_ip == address


def test_an_invalid_url_of_a_message_bus_is_not_shown(tmp_path):
    config = _file(tmp_path, "config.json", '{"message_bus": "amqp://admin:pass/word@mq:5672/"}')
    with pytest.raises(ConfigError, match="message_bus: must be amqp://USER:PASSWORD@HOST:PORT/") as caught:
        read(config)
    assert "word@" not in caught.value.message


@pytest.mark.parametrize(
    ("name", "text", "flag", "words"),
    [
        ("values.json", '{"coreservice_ip": "192.0.2.1", "broker": {}}', "values_paths", "is a config.json, not a values.yaml"),
        ("config.yaml", "replicaCount: 2\n", "config_path", "is a values.yaml, not a config.json"),
    ],
)  # fmt: skip
def test_a_file_under_the_flag_of_the_other_kind_is_called_by_its_name(tmp_path, name, text, flag, words):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ConfigError, match=words) as error:
        read(**{flag: [path] if flag == "values_paths" else path})
    assert error.value.hint == f"{'--config' if flag == 'values_paths' else '--values'} {path}"
