"""The chart without the tool, as a Helm user takes it; and the tool on what a Helm user left."""

import json
from pathlib import Path

import pytest
import yaml

from tests.sites import Site
from tests.waiting import until

pytestmark = pytest.mark.cluster
CHART = str(Path(__file__).parents[2] / "charts" / "fogflow-chart")


def install(site, *name):
    """Install as the README says, under a generated name unless one is given; the release's name."""
    site.helm(
        "install", *(name or ["--generate-name"]), CHART, "--set", "externalIPs={192.0.2.10}", "--create-namespace"
    )
    return json.loads(site.helm("list", "-o", "json"))[0]["name"]


def ready(site):
    deployments = site.get("deployments")["items"]
    return len(deployments) == 8 and all(d["status"].get("readyReplicas") == d["spec"]["replicas"] for d in deployments)


def test_twice_in_one_cluster_and_again_where_it_was_uninstalled(site, sandbox, tmp_path):
    other = Site(sandbox, f"{site.namespace}-b", tmp_path, site.env)
    try:
        names = []
        for each in (site, other):
            names.append(install(each))
            until(lambda each=each: ready(each), "all ready")
            each.helm("test", names[-1])
        site.helm("uninstall", names[0], "--wait")
        install(site)
        until(lambda: ready(site), "all ready again")
    finally:
        other.kubectl(
            "delete",
            "namespace",
            other.namespace,
            f"{other.namespace}-tasks",
            "--ignore-not-found",
            "--wait=false",
            check=False,
        )


def test_the_tool_takes_over_a_release_that_helm_made(site):
    install(site, "fogflow")
    password = site.kubectl("get", "secret", "fogflow-rabbitmq", "-o", "jsonpath={.data.password}")
    result = site.deploy("--set", "replicaCount=3")
    assert (result["result"], result["release"]["revision"]) == ("upgraded", 2)
    assert site.kubectl("get", "secret", "fogflow-rabbitmq", "-o", "jsonpath={.data.password}") == password


@pytest.mark.parametrize(
    "way",
    ["externalIPs,expose.edge.externalIPs={192.0.2.1}", "nodePort,expose.edge.nodePorts.broker=0", "loadBalancer"],
)
def test_the_server_takes_every_way_for_edges(site, way):
    """Which fields go with which type of Service, only the API server knows."""
    values = f"expose.edge.type={way},networkPolicy.edges.cidrs={{198.51.100.0/24}}"
    site.make_namespace()
    rendered = [each for each in yaml.safe_load_all(site.helm("template", "fogflow", CHART, "--set", values)) if each]
    services = {"apiVersion": "v1", "kind": "List", "items": [each for each in rendered if each["kind"] == "Service"]}
    made = site.kubectl("apply", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(services))
    taken = {each["metadata"]["name"]: each["spec"] for each in json.loads(made)["items"]}
    for name in ("rabbitmq-edge", "cloud-broker-edge", "discovery-edge"):
        assert taken[name]["externalTrafficPolicy"] == "Local"
