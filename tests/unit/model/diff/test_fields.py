"""Differences between manifests and between states of an object."""

import json

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fogflow_k8s.model.diff.fields import Item, changes, folded, object_changes, text_of, value_at
from tests.scope import examples

KEYS = st.sampled_from(["name", "spec", "data", "image", "nginx.conf", "app/x", "value"]) | st.text(max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("two\nlines\n"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
BODIES = st.dictionaries(KEYS.filter(lambda k: k not in ("kind", "metadata")), VALUES, max_size=4)


def obj(kind="Deployment", name="nginx", **spec):
    return {"kind": kind, "metadata": {"name": name}, "spec": spec}


def lines(old, new):
    return [str(c) for c in object_changes(old, new)]


def test_objects_and_fields():
    found = [str(c) for c in changes([obj(replicas=2), obj(name="old")], [obj(replicas=3), obj(name="new")])]
    assert found == ["+ Deployment/new", "~ Deployment/nginx spec.replicas: 2 -> 3", "- Deployment/old"]


@given(BODIES)
@hypothesis_settings(max_examples=examples(100))
def test_a_thing_does_not_differ_from_itself(body):
    one = {"kind": "Deployment", "metadata": {"name": "a"}, **body}
    assert changes([one], [json.loads(json.dumps(one))]) == []


@given(BODIES, BODIES)
@hypothesis_settings(max_examples=examples(100))
def test_nothing_is_overlooked_from_either_side(one, other):
    first, second = ({"kind": "Deployment", "metadata": {"name": "a"}, **body} for body in (one, other))
    there, back = object_changes(first, second), object_changes(second, first)
    assert {c.field.path for c in there} == {c.field.path for c in back}
    assert there or _as_kubernetes_reads_it(first) == _as_kubernetes_reads_it(second)


def _as_kubernetes_reads_it(value):
    """A value without nulls in maps and without the order of keyed lists, in which 1 and true differ."""
    if isinstance(value, dict):
        return {k: _as_kubernetes_reads_it(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return sorted(map(_as_kubernetes_reads_it, value), key=str)
    return (type(value).__name__, value)


@pytest.mark.parametrize("new", ["1", True, 2, [1], {"a": 1}])
def test_a_type_is_a_difference(new):
    assert len(changes([obj(a=1)], [obj(a=new)])) == 1


def test_null_is_absent():
    assert changes([obj(a=None)], [obj()]) == []


def test_named_lists_are_compared_by_name():
    old = obj(containers=[{"name": "a", "image": "1"}, {"name": "b", "image": "1"}])
    new = obj(containers=[{"name": "b", "image": "1"}, {"name": "a", "image": "2"}])
    assert lines(old, new) == ["~ Deployment/nginx spec.containers[a].image: 1 -> 2"]


def test_a_mount_put_in_between_is_one_difference():
    mounts = [{"name": "tmp", "mountPath": "/a"}, {"name": "tmp", "mountPath": "/c"}]
    new = [mounts[0], {"name": "x", "mountPath": "/b"}, mounts[1]]
    found = lines(obj(volumeMounts=mounts), obj(volumeMounts=new))
    assert len(found) == 1
    assert "spec.volumeMounts[/b]: (absent) -> " in found[0]


def test_a_list_of_plain_values_is_one_value():
    assert lines(obj(externalIPs=["192.0.2.1"]), obj(externalIPs=["192.0.2.1", "192.0.2.2"])) == [
        "~ Deployment/nginx spec.externalIPs: ['192.0.2.1'] -> ['192.0.2.1', '192.0.2.2']"
    ]


def test_what_only_the_server_writes_is_no_change():
    old = {"kind": "X", "metadata": {"name": "a", "resourceVersion": "1", "managedFields": []}, "status": {"a": 1}}
    new = {"kind": "X", "metadata": {"name": "a", "resourceVersion": "2"}, "status": {}}
    assert object_changes(old, new) == []


def test_long_values_are_shown_from_where_they_differ():
    (line,) = lines(obj(image="registry.example.org/" + "x" * 60 + ":1"), obj(image="registry.example.org/" + "x" * 60 + ":2"))  # fmt: skip
    assert line.endswith("…xxxxxxxxx:1 -> …xxxxxxxxx:2")


def test_a_text_of_several_lines_is_a_small_diff_of_its_lines():
    old, new = (
        {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"nginx.conf": text}}
        for text in ("".join(f"{n}\n" for n in range(20)), "".join(f"{n}\n" for n in range(20) if n != 10))
    )
    (only,) = object_changes(old, new)
    assert only.field.path == "data[nginx.conf]"
    assert only.field.lines == ("@@ -9 +9 @@", "  8", "  9", "- 10", "  11", "  12")


def test_a_long_list_is_a_small_diff_of_its_entries():
    args = [f"--argument={n}" for n in range(10)]
    (only,) = object_changes(obj(args=args), obj(args=[*args, "--more"]))
    assert only.field.lines[-1] == "+ --more"


@pytest.mark.parametrize(
    ("where", "key", "noise"),
    [
        ("annotations", "checksum/config", "checksum"),
        ("labels", "helm.sh/chart", "chart label"),
        ("annotations", "kubectl.kubernetes.io/restartedAt", "timestamp"),
        ("annotations", "helm.sh/chart", ""),
        ("labels", "checksum/config", ""),
    ],
)
def test_what_follows_from_other_changes_is_marked_and_still_there(where, key, noise):
    (only,) = object_changes(obj(**{where: {key: "1"}}), obj(**{where: {key: "2"}}))
    assert only.field.noise == noise
    assert (only.field.old, only.field.new) == ("1", "2")
    assert folded([only.field, only.field]) == ({noise: 2} if noise else {})


def test_a_value_is_found_by_its_path_and_the_path_reads_well():
    path = ("spec", "containers", Item("name", "a"), "env", Item("", 1), "app.io/x")
    tree = {"spec": {"containers": [{"name": "a", "env": [{}, {"app.io/x": 7}]}]}}
    assert value_at(tree, path) == 7
    assert text_of(path) == "spec.containers[a].env[1][app.io/x]"


@pytest.mark.parametrize(
    "place",
    [
        {"metadata": {"annotations": {"note": "hunter22"}}},
        {"metadata": {"annotations": {"note": "hunter22", "more": "hunter22"}, "labels": {}}},
        {"spec": {"containers": [{"name": "x", "env": [{"name": "PLAIN", "value": "hunter22"}]}]}},
        {"data": {"config.json": '{"rabbitmq": {"password": "hunter22"}}'}},
        {"spec": {"password": "hunter22"}},
    ],
)
def test_what_may_be_secret_is_not_shown_in_a_difference(place):
    """Neither when it is new, nor when it changes, nor when the object around it is new."""
    base = {"kind": "Deployment", "metadata": {"name": "master"}}
    old = json.loads(json.dumps(place).replace("hunter22", "hunter11"))
    for before, after in ((base, {**base, **place}), ({**base, **old}, {**base, **place})):
        lines = [
            str(change)
            for change in object_changes(
                {"metadata": {}, **before}, {**after, "metadata": {**after["metadata"], "name": "master"}}
            )
        ]
        assert lines
        assert not [line for line in lines if "hunter" in line], lines


def test_what_is_no_secret_is_shown_in_a_difference():
    def master(value, revision):
        env = [{"name": "PYTHONDONTWRITEBYTECODE", "value": value}]
        annotations = {"deployment.kubernetes.io/revision": revision}
        return {
            "kind": "Deployment",
            "metadata": {"name": "m", "annotations": annotations},
            "spec": {"env": env},
        }

    lines = "\n".join(map(str, object_changes(master("1", "2"), master("0", "3"))))
    assert "env[PYTHONDONTWRITEBYTECODE].value: 1 -> 0" in lines
    assert "revision]: 2 -> 3" in lines
