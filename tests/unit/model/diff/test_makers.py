"""The maker of a live object, by the marks of Helm, Argo CD, Flux and kubectl."""

import pytest

from fogflow_k8s.model.diff.makers import Maker, belongs_to, helm_release, is_ours, maker_of, removals

BUDGET_S = 2
MARKS = {"meta.helm.sh/release-name": "fogflow", "meta.helm.sh/release-namespace": "city"}
HELM = {"app.kubernetes.io/managed-by": "Helm"}
CHART = {"app.kubernetes.io/part-of": "fogflow", "helm.sh/chart": "fogflow-chart-1.0.0"}


def thing(labels=None, annotations=None, managers=(), kind="Service", name="nginx", namespace="city"):
    managed = [{"manager": each} for each in managers]
    meta = {
        "name": name,
        "namespace": namespace,
        "labels": labels,
        "annotations": annotations,
        "managedFields": managed,
    }
    return {"kind": kind, "metadata": meta}


@pytest.mark.parametrize(
    ("labels", "annotations", "expected"),
    [
        (HELM, MARKS, True),
        (None, MARKS, False),
        ({"app.kubernetes.io/managed-by": "helm"}, MARKS, False),
        (HELM, None, False),
        (HELM, {**MARKS, "meta.helm.sh/release-name": "other"}, False),
        (HELM, {**MARKS, "meta.helm.sh/release-namespace": "other"}, False),
    ],
)
def test_an_object_belongs_to_a_release_by_the_same_three_marks_as_for_helm(labels, annotations, expected):
    assert belongs_to(thing(labels, annotations), "fogflow", "city") is expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (CHART, True),
        ({**CHART, "helm.sh/chart": "fogflow-edge-chart-1.0.0"}, True),
        ({**CHART, "helm.sh/chart": "nginx-15.0.0"}, False),
        ({"helm.sh/chart": "fogflow-chart-0.3.0"}, False),
        ({"app.kubernetes.io/part-of": "fogflow"}, False),
        ({"io.kompose.service": "nginx"}, False),  # upstream's
        (None, False),
    ],
)
def test_a_release_of_this_project_has_the_labels_of_its_charts(labels, expected):
    assert is_ours([thing(), thing(labels)]) is expected


@pytest.mark.parametrize(
    ("obj", "says", "removal"),
    [
        (thing(HELM, {**MARKS, "meta.helm.sh/release-namespace": "far"}), "Helm release fogflow in namespace far",
         "helm -n far uninstall fogflow"),
        (thing(annotations={"argocd.argoproj.io/tracking-id": "iot:apps/Deployment:city/nginx"}), "Argo CD application iot",
         "argocd app delete iot"),
        (thing({"argocd.argoproj.io/instance": "iot"}), "Argo CD application iot", "argocd app delete iot"),
        (thing({"app.kubernetes.io/instance": "iot"}, managers=["argocd-controller"]), "Argo CD application iot",
         "argocd app delete iot"),
        (thing({"kustomize.toolkit.fluxcd.io/name": "iot", "kustomize.toolkit.fluxcd.io/namespace": "gitops"}),
         "Flux Kustomization iot", "flux -n gitops delete kustomization iot"),
        (thing({"app.kubernetes.io/instance": "iot"}, managers=["kubectl-client-side-apply"]), "kubectl", ""),
        (thing(managers=["kube-controller-manager", "terraform"]), "terraform", ""),
        (thing(), "kubectl", ""),
    ],
)  # fmt: skip
def test_the_maker_and_how_to_remove_what_it_made(obj, says, removal):
    assert maker_of(obj) == Maker(says, removal)


def test_a_tool_removes_all_it_made_at_once_and_other_objects_are_deleted_by_namespace():
    release, hand = helm_release("old", "city"), Maker("kubectl")
    found = [
        (release, thing()), (hand, thing()), (release, thing(name="x")), (hand, thing(name="y", kind="ConfigMap")),
        (hand, thing(name="z", namespace="far")), (hand, thing(name="p", kind="MutatingAdmissionPolicy", namespace="")),
    ]  # fmt: skip
    assert removals(found) == [
        "helm -n city uninstall old",
        "kubectl -n city delete service/nginx configmap/y",
        "kubectl -n far delete service/z",
        "kubectl delete mutatingadmissionpolicy/p",
    ]
