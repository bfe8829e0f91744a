"""Messages of kubelets about failed pulls: the sort of the failure, whatever names, numbers and digests they contain."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogflow_k8s.model.diagnosis.kubelet_messages import UNKNOWN, pull
from tests.scope import examples

BUDGET_S = 15
# captured from kubelets with containerd, Docker's engine and CRI-O
SAID = [
    ("transient", 'failed to pull and unpack image "docker.io/fogflow/master:3.2.8": failed to copy: httpReadSeeker: failed open: failed to do request: Get "https://production.cloudflare.docker.com/registry-v2/docker/registry/v2/blobs/sha256/c4/c403e1": read tcp 10.0.2.15:40122->104.16.98.215:443: read: connection reset by peer'),
    ("transient", 'failed to resolve reference "docker.io/fogflow/master:3.2.8": failed to do request: Head "https://registry-1.docker.io/v2/fogflow/master/manifests/3.2.8": dial tcp: lookup registry-1.docker.io on 10.0.2.3:53: read udp 10.0.2.15:54031->10.0.2.3:53: i/o timeout'),
    ("transient", 'failed to do request: Head "https://registry.example/v2/a/b/manifests/1": dial tcp: lookup registry.example: no such host'),
    ("transient", 'failed to do request: Get "https://registry.example/v2/": net/http: TLS handshake timeout'),
    ("transient", 'failed to do request: Get "https://registry.example/v2/": EOF'),
    ("transient", "failed to copy: httpReadSeeker: failed open: unexpected EOF"),
    ("transient", "failed to copy: httpReadSeeker: failed open: unexpected status code https://registry.example/v2/a/blobs/sha256:4291403: 503 Service Unavailable"),
    ("transient", "unexpected status from HEAD request to https://registry.example/v2/a/manifests/401: 502 Bad Gateway"),
    ("transient", "received unexpected HTTP status: 500 Internal Server Error"),
    ("transient", "toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating"),
    ("transient", "unexpected status code https://registry-1.docker.io/v2/a/b/manifests/sha256:403404: 429 Too Many Requests - Server message: toomanyrequests: retry-after: 401µs"),
    ("transient", "pull QPS exceeded"),
    ("transient", 'failed to do request: Head "https://registry.example/v2/": proxyconnect tcp: dial tcp 10.4.0.1:3128: connect: connection refused'),
    ("transient", "rpc error: code = DeadlineExceeded desc = context deadline exceeded"),
    ("credentials", "failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://auth.docker.io/token?scope=repository%3Aa%2Fb%3Apull&service=registry.docker.io: 401 Unauthorized"),
    ("credentials", "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed"),
    ("credentials", "unexpected status from HEAD request to https://registry.example/v2/a/b/manifests/1: 403 Forbidden"),
    ("credentials", "Error response from daemon: Head https://registry.example/v2/a/manifests/1: no basic auth credentials"),
    ("credentials", "initializing source docker://registry.example/a/b:1: reading manifest 1 in registry.example/a/b: unauthorized: authentication required"),
    ("credentials", "Error response from daemon: denied: access forbidden"),
    ("credentials", "denied: requested access to the resource is denied"),
    ("credentials", "Requesting bearer token: invalid status code from registry 403 (Forbidden)"),
    ("absent", 'failed to resolve reference "docker.io/library/nginx:does-not-exist": docker.io/library/nginx:does-not-exist: not found'),
    ("absent", 'manifest unknown: manifest tagged by "9.9" is not found'),
    ("absent", "initializing source docker://registry.example/a/b:9.9: reading manifest 9.9 in registry.example/a/b: manifest unknown"),
    ("absent", "reading manifest latest in registry.example/a: name unknown: repository name not known to registry"),
    ("absent", "unexpected status from HEAD request to https://registry.example/v2/a/b/manifests/1: 404 Not Found"),
    ("platform", "no match for platform in manifest: not found"),
    ("platform", "no matching manifest for linux/arm64/v8 in the manifest list entries"),
    ("platform", 'choosing an image from manifest list docker://registry.example/a:1: no image found in image index for architecture arm64, variant "v8", OS linux'),
    ("tls", 'failed to do request: Head "https://registry.example/v2/a/manifests/1": tls: failed to verify certificate: x509: certificate signed by unknown authority'),
    ("tls", 'failed to do request: Head "https://registry.example/v2/a/manifests/1": http: server gave HTTP response to HTTPS client'),
    ("unknown", 'failed to pull and unpack image "docker.io/a/b:1": failed to extract layer sha256:aa: failed to prepare extraction snapshot "extract-1 sha256:bb": parent snapshot sha256:cc does not exist: not found'),
    ("unknown", "failed to pull and unpack image: failed to extract layer sha256:aa: write /var/lib/containerd/a/404: no space left on device"),
    ("unknown", "the runtime has an opinion of its own"),
    ("unknown", ""),
]  # fmt: skip
PREFIXES = [
    "",
    'Failed to pull image "registry.example/denied/not-found:401": ',
    'Failed to pull image "x": rpc error: code = Unknown desc = ',
    "rpc error: code = Unavailable desc = ",
    'Back-off pulling image "a/b:403": ErrImagePull: ',
]
HOSTS = [
    "registry.example",
    "403.example.org",
    "eof.io",
    "mirror.not-found.example",
    "registry-429.example:5000",
    "10.4.0.4:4040",
]


DIGESTS = st.text("0123456789abcdef", min_size=2, max_size=64)


@pytest.mark.parametrize(("sort", "words"), SAID)
def test_what_was_captured(sort, words):
    assert pull(words).sort == sort


@pytest.mark.parametrize(("sort", "words"), SAID)
@settings(max_examples=examples(30, 1000))
@given(data=st.data())
def test_numbers_names_and_prefixes_change_nothing(sort, words, data):
    digits = st.sampled_from(["401", "403", "404", "429", "500", "503"]) | st.integers(0, 10**6).map(str)
    status = r"\b[1-5]\d\d (?=[A-Z])"  # what the words are about; every other number may be any other
    said = words
    if sort != "platform":  # of which the architecture is a part
        said = re.sub(rf"{status}|\d+", lambda found: found[0] if " " in found[0] else data.draw(digits), words)
    said = said.replace("registry.example", data.draw(st.sampled_from(HOSTS)))
    said = re.sub(r"(?<=://)[^/\"]+(?=/)", lambda _: data.draw(st.sampled_from(HOSTS)), said)
    said = re.sub(r"sha256:[0-9a-f]+", lambda _: f"sha256:{data.draw(DIGESTS)}", said)
    said = data.draw(st.sampled_from(PREFIXES)) + said
    assert pull(said).sort == sort, said


@pytest.mark.parametrize(
    "image", ["reg/denied/master:429", "not found", "reg.example/manifest-unknown/401-unauthorized:403"]
)
def test_the_name_of_the_image_says_nothing(image):
    assert pull(f'Back-off pulling image "{image}"', image) == UNKNOWN
    assert pull(f"{image}: no idea", image) == UNKNOWN
