"""The three-way difference: the last revision, the live object, and the manifests of a deploy."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rich.console import Console

from fogflow_k8s.console import screens
from fogflow_k8s.console.diff import diff_screen
from fogflow_k8s.console.diff_document import diff_document
from fogflow_k8s.model.diff.fields import changes
from fogflow_k8s.model.diff.three_way import Difference, drifts
from fogflow_k8s.model.redaction.redactor import MASK
from tests.scope import examples

BUDGET_S = 8

EDIT = {"manager": "kubectl-edit", "operation": "Update", "time": "2026-01-01T00:00:00Z"}


def obj(kind="Deployment", *, fields=None, **body):
    managed = [{**EDIT, "fieldsV1": fields}] if fields else []
    return {"kind": kind, "metadata": {"name": "nginx", "managedFields": managed}, **body}


def drift_of(base, live, wanted):
    """Apply on an API server without defaults: the result is what was applied."""
    return list(drifts(base, live, base, wanted, wanted=wanted))


REPLICAS = {"f:spec": {"f:replicas": {}}}


@pytest.mark.parametrize(
    ("live", "wanted", "effect"),
    [(5, 2, "restored"), (5, 3, "overridden"), (5, 5, "left"), (5, None, "removed")],
)
def test_what_becomes_of_a_field_changed_by_hand(live, wanted, effect):
    asked = None if wanted is None else obj(spec={"replicas": wanted})
    (found,) = drift_of(obj(spec={"replicas": 2}), obj(fields=REPLICAS, spec={"replicas": live}), asked)
    assert (found.effect, found.owner.manager) == (effect, "kubectl-edit")
    assert (found.field.path, found.field.old, found.field.new, found.wanted) == ("spec.replicas", 2, live, wanted)


def test_what_was_added_by_hand_stays_and_is_no_change():
    mine = obj(fields={"f:spec": {"f:mine": {}}}, spec={"replicas": 2, "mine": 1})
    same = obj(spec={"replicas": 2})
    (found,) = drifts(same, mine, mine, mine, wanted=same)
    assert (found.field.path, found.effect, str(found.owner)) == ("spec.mine", "left", "kubectl-edit")
    assert not difference(drift=(found,)).changed


def test_a_store_that_the_keeper_fills_has_not_drifted():
    live = obj("ConfigMap", fields={"f:data": {"f:health.json": {}}}, data={"health.json": "{}"})
    assert list(drifts(obj("ConfigMap"), live, live, live, wanted=obj("ConfigMap"))) == []


def test_pods_are_replaced_where_their_template_changes():
    old, new = (obj(spec={"template": {"metadata": {"annotations": {"checksum/x": v}}}, "a": v}) for v in "ab")
    assert difference(changes=tuple(changes([old], [new]))).restarts == ("nginx",)
    assert difference(changes=tuple(changes([obj(spec={"a": 1})], [obj(spec={"a": 2})]))).restarts == ()


def difference(**more):
    return Difference("fogflow", "city", "kind", "https://192.0.2.1", 2, **more)


SECRETS = st.from_regex(r"\A[A-Za-z0-9+/]{12,24}\Z")
DATA = st.dictionaries(st.sampled_from(["password", "a", "tls.key"]), SECRETS, max_size=3)


@given(
    st.sampled_from(["data", "stringData"]), DATA, DATA, DATA,
    st.dictionaries(st.just("kubectl.kubernetes.io/last-applied-configuration"), SECRETS, max_size=1),
)  # fmt: skip
@hypothesis_settings(max_examples=examples(60))
def test_no_value_of_a_secret_ever_comes_out(part, deployed, live, wanted, notes):
    fields = {f"f:{part}": {f"f:{k}": {} for k in live}, "f:metadata": {"f:annotations": {f"f:{k}": {} for k in notes}}}
    base, asked = obj("Secret", **{part: deployed}), obj("Secret", **{part: wanted})
    seen = obj("Secret", fields=fields, **{part: live})
    seen["metadata"]["annotations"] = notes
    found = difference(changes=tuple(changes([base], [asked])), drift=tuple(drift_of(base, seen, asked)))
    shown = everything(found)
    for value in {*deployed.values(), *live.values(), *wanted.values(), *notes.values()}:
        assert value not in shown
    assert bool(found.changes) == (deployed != wanted)
    assert MASK in shown or (deployed == wanted == live and not notes)


@given(SECRETS, SECRETS)
@hypothesis_settings(max_examples=examples(60))
def test_no_password_in_a_text_or_a_variable_comes_out(old, new):
    def each(value):
        env = [{"name": "API_TOKEN", "value": value}]
        texts = {"config.json": f'{{\n "password": "{value}",\n "a": 1}}\n', "db_password": value}
        return [obj(spec={"containers": [{"name": "c", "env": env}]}), obj("ConfigMap", data=texts)]

    found = difference(changes=tuple(changes(each(old), each(new))))
    assert bool(found.changes) == (old != new)
    assert old not in everything(found)
    assert new not in everything(found)


def everything(found):
    """Every representation of it."""
    out = io.StringIO()
    for brief in (True, False):
        screens.show(Console(file=out, width=10_000), diff_screen(found, brief=brief))
    lines = [*map(str, found.changes), *map(str, found.drift)]
    return "\n".join([out.getvalue(), json.dumps(diff_document(found)), *lines])
