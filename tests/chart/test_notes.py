"""The notes after an installation: the dashboard's address, or the command that tells it where only the cluster knows."""

import pytest

BUDGET_S = 20
EITHER = "-o jsonpath='{.status.loadBalancer.ingress[0].ip}{.status.loadBalancer.ingress[0].hostname}'"


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        ("expose.type=none", ["kubectl -n ns port-forward service/nginx 8080:80"]),
        ("externalIPs={192.0.2.1}", ["http://192.0.2.1/index.html"]),
        (
            "expose.type=nodePort",
            ["kubectl get nodes -o wide", "kubectl -n ns get service nginx -o jsonpath='{.spec.ports[0].nodePort}'"],
        ),
        ("expose.type=loadBalancer", [f"kubectl -n ns get service nginx {EITHER}"]),
        ("expose.type=ingress", ["http://ADDRESS/index.html", f"kubectl -n ns get ingress nginx {EITHER}"]),
        ("expose.type=ingress,expose.ingress.host=a.example.org,expose.ingress.tlsSecret=t", ["https://a.example.org/index.html"]),
        (
            "expose.type=gateway,expose.gateway.name=g,expose.gateway.namespace=gw",
            ["kubectl -n gw get gateway g -o jsonpath='{.status.addresses[*].value}'"],
        ),
    ],
)  # fmt: skip
def test_the_address_or_the_command_that_tells_it(renders, values, lines):
    said = [line.strip() for line in renders.notes("--set", values).splitlines()]
    assert [line for line in lines if line not in said] == []


@pytest.mark.parametrize(
    "values", ["expose.type=ingress,expose.ingress.host=a.example.org", "expose.type=gateway,expose.gateway.name=g,expose.gateway.hostnames={a.example.org}"]
)  # fmt: skip
def test_a_name_that_was_given_needs_no_command(renders, values):
    notes = renders.notes("--set", values)
    assert "http://a.example.org/index.html" in notes
    assert "ADDRESS" not in notes
