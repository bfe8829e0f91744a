"""The remedy for each error message of a build or push, from engines 20.10, 25 and 28."""

import pytest

from fogflow_k8s.adapters.docker.hints import remedy_for


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("denied: requested access to the resource is denied", "docker login"),
        ("unauthorized: authentication required", "docker login"),
        ("pull access denied for absent, repository does not exist or may require 'docker login'", "--base"),
        ("manifest for python:absent not found: manifest unknown: manifest unknown", "--base"),
        ('Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host', "--base"),
        ("http: server gave HTTP response to HTTPS client", "insecure-registries"),
        ("write /var/lib/docker/tmp/x: no space left on device", "docker system prune"),
        ("something else", "docker version"),
    ],
)
def test_the_remedy_for_a_message(said, remedy):
    assert remedy in remedy_for(said)
