"""Who we are to an API server, and the way to it, against real sockets: TLS, plug-ins, impersonation, proxies."""

import base64
import datetime as dt
import ipaddress
import json
import socket
import ssl
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fogflow_k8s.adapters.kubernetes.client import KubeCluster
from fogflow_k8s.adapters.kubernetes.kubeconfig import KubeContext
from fogflow_k8s.errors import ClusterError, UsageError

from .conftest import Stub, serving

BUDGET_S = 12
V1 = "client.authentication.k8s.io/v1"


@pytest.fixture(autouse=True)
def _no_files_are_left(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


def cluster_of(stub, scheme="http", user=None, **cluster):
    server = f"{scheme}://127.0.0.1:{stub.server_port}"
    return KubeCluster(
        KubeContext("x", server, {"server": server, **cluster}, user or {}, "ann", ("config",)), timeout_s=2
    )


def asked(stub, made):
    made.get("Pod", "p", "n")
    made.close()
    return stub.asked[-1].headers


# --- tokens, plug-ins, impersonation


def test_tokens_and_passwords(stub, tmp_path):
    (tmp_path / "token").write_text("from-file\n")
    for user, said in [({"token": "t"}, "Bearer t"), ({"tokenFile": str(tmp_path / "token"), "token": "t"}, "Bearer from-file"),
                       ({"username": "u", "password": "p:q"}, "Basic " + base64.b64encode(b"u:p:q").decode()), ({}, None)]:  # fmt: skip
        assert asked(stub, cluster_of(stub, user=user)).get("Authorization") == said


def test_impersonation_is_sent_as_kubectl_sends_it(stub):
    user = {"token": "t", "as": "bob", "as-groups": ["dev", "ops"], "as-uid": "7",
            "as-user-extra": {"example.org/Scope": ["read", "write"]}}  # fmt: skip
    made = cluster_of(stub, user=user)
    headers = made._http._login.headers()
    assert headers == [("Authorization", "Bearer t"), ("Impersonate-User", "bob"), ("Impersonate-Uid", "7"),
                       ("Impersonate-Group", "dev"), ("Impersonate-Group", "ops"),
                       ("Impersonate-Extra-example.org%2Fscope", "read"), ("Impersonate-Extra-example.org%2Fscope", "write")]  # fmt: skip
    assert asked(stub, made)["Impersonate-User"] == "bob"


@pytest.fixture
def plug_in(tmp_path):
    """Writes a login plug-in, and gives the user that has it."""

    def write(text, **more):
        path = tmp_path / "plug-in"
        path.write_text(f"#!/bin/bash\necho run >> {tmp_path}/runs\n{text}\n")
        path.chmod(0o755)
        return {"exec": {"apiVersion": V1, "command": str(path), **more}}

    return write


def credential(**status):
    return json.dumps({"apiVersion": V1, "kind": "ExecCredential", "status": status})


def test_a_plug_in_is_asked_once_and_again_when_its_login_ran_out(stub, plug_in, tmp_path):
    made = cluster_of(stub, user=plug_in(f"echo '{credential(token='t')}'"))
    for _ in range(3):
        assert asked(stub, made)["Authorization"] == "Bearer t"
    assert (tmp_path / "runs").read_text().count("run") == 1
    stub.script = [(401, {"message": "Unauthorized"}, {})]
    asked(stub, made)
    assert (tmp_path / "runs").read_text().count("run") == 2
    expiring = cluster_of(
        stub, user=plug_in(f"echo '{credential(token='t', expirationTimestamp='2020-01-01T00:00:00Z')}'")
    )
    asked(stub, expiring), asked(stub, expiring)
    assert (tmp_path / "runs").read_text().count("run") == 4


def test_a_refusal_that_stays_is_told_once(stub, plug_in):
    made = cluster_of(stub, user=plug_in(f"echo '{credential(token='t')}'"))
    stub.script = [(401, {"message": "Unauthorized"}, {})] * 3
    with pytest.raises(ClusterError, match="does not accept the credentials"):
        made.get("Pod", "p", "n")
    assert len(stub.asked) == 2
    stub.asked.clear()
    plain = cluster_of(stub, user={"token": "t"})  # nothing to renew
    with pytest.raises(ClusterError, match="does not accept the credentials"):
        plain.get("Pod", "p", "n")
    assert len(stub.asked) == 1


def test_a_token_in_a_file_is_read_again(stub, tmp_path):
    (tmp_path / "token").write_text("old")
    made = cluster_of(stub, user={"tokenFile": str(tmp_path / "token")})
    assert asked(stub, made)["Authorization"] == "Bearer old"
    (tmp_path / "token").write_text("new")
    assert asked(stub, made)["Authorization"] == "Bearer new"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("echo 'no session: log in' >&2; exit 3", "failed: process returned 3. no session: log in"),
        ("echo not json", "failed: failed to decode"),
        ("echo '[]'", "failed: malformed response"),
        ("echo '{}'", "failed: malformed response"),
        ("echo 3", "failed: "),
        (f"echo '{credential()}'", "neither a token nor a certificate"),
        (
            f"echo '{credential(token='t').replace('/v1', '/v0')}'",
            "version client.authentication.k8s.io/v0 does not match",
        ),
    ],
)
def test_plug_ins_that_give_no_login(stub, plug_in, text, says):
    with pytest.raises(ClusterError, match="of user ann ") as caught:
        cluster_of(stub, user=plug_in(text)).get("Pod", "p", "n")
    assert says in str(caught.value)
    assert "log in" in caught.value.hint
    assert stub.asked == []


@pytest.mark.parametrize(
    ("hint", "shown"), [("Install it first.\n", "Install it first."), ("", "install cloud-login, or put it on PATH")]
)
def test_an_absent_plug_in_says_how_to_install_it(stub, hint, shown):
    user = {"exec": {"apiVersion": V1, "command": "cloud-login", "installHint": hint}}
    with pytest.raises(
        ClusterError, match="the login plug-in cloud-login of user ann cannot be run: No such file"
    ) as caught:
        cluster_of(stub, user=user).get("Pod", "p", "n")
    assert caught.value.hint == shown


def test_an_identity_provider_is_the_official_clients(stub):
    def jwt(expires):
        return ".".join(
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
            for part in ({}, {"exp": expires}, "sign")
        )

    token = jwt(4102444800)
    user = {"auth-provider": {"name": "oidc", "config": {"id-token": token, "idp-issuer-url": "http://127.0.0.1:1"}}}
    assert asked(stub, cluster_of(stub, user=user))["Authorization"] == f"Bearer {token}"


# --- TLS


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def certificate(name, issuer=None, hosts=()):
    """A key and its certificate, signed by `issuer` (itself: an authority). No key identifiers, as EKS makes them."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by, signer = (issuer[1].subject, issuer[0]) if issuer else (subject, key)
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(by).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(hours=1))
    made = made.not_valid_after(now + dt.timedelta(hours=1))
    made = made.add_extension(x509.BasicConstraints(ca=not issuer, path_length=None), critical=True)
    if hosts:
        names = [x509.IPAddress(ipaddress.ip_address(h)) if h[0].isdigit() else x509.DNSName(h) for h in hosts]
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
    signed = made.sign(signer, hashes.SHA256())
    return key, signed, signed.public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def authority():
    return certificate("authority")


@pytest.fixture
def secure(authority, tmp_path):
    """A stub that speaks TLS, wants a client's certificate, and is known as 127.0.0.1 and api.example."""
    key, _, cert = certificate("server", authority, ("127.0.0.1", "api.example"))
    (tmp_path / "server.pem").write_bytes(cert + pem(key))
    (tmp_path / "ca.pem").write_bytes(authority[2])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    context.load_verify_locations(tmp_path / "ca.pem")
    context.verify_mode = ssl.CERT_OPTIONAL
    server = Stub()
    server.socket = context.wrap_socket(server.socket, server_side=True)
    yield from serving(server)


def b64(data):
    return base64.b64encode(data).decode()


@pytest.fixture
def ann(authority):
    key, _, cert = certificate("ann", authority)
    return {"client-certificate-data": b64(cert), "client-key-data": b64(pem(key))}


@pytest.fixture
def strict(monkeypatch):
    """The rules of Python 3.13 and newer, on any Python."""
    made = ssl.create_default_context

    def strictly(*args, **kwargs):
        context = made(*args, **kwargs)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", strictly)


@pytest.mark.usefixtures("strict")
def test_authorities_without_key_identifiers_are_accepted_by_every_python(secure, authority, ann):
    asked(secure, cluster_of(secure, "https", ann, **{"certificate-authority-data": b64(authority[2])}))


def test_files_and_names_of_a_kubeconfig(secure, authority, ann, tmp_path):
    files = {}
    for key, data in {**ann, "certificate-authority-data": b64(authority[2])}.items():
        (tmp_path / key).write_bytes(base64.b64decode(data))
        files[key.removesuffix("-data")] = str(tmp_path / key)
    asked(secure, cluster_of(secure, "https", files, **{**files, "tls-server-name": "api.example"}))
    with pytest.raises(ClusterError, match="certificate is not trusted"):
        cluster_of(secure, "https", files, **{**files, "tls-server-name": "else.example"}).get("Pod", "p", "n")


def test_unknown_authorities_are_refused_unless_that_is_said(secure):
    with pytest.raises(ClusterError, match="certificate is not trusted"):
        cluster_of(secure, "https").get("Pod", "p", "n")
    asked(secure, cluster_of(secure, "https", **{"insecure-skip-tls-verify": True}))


def test_a_plug_in_that_gives_a_certificate(secure, authority, plug_in):
    key, _, cert = certificate("ann", authority)
    said = credential(clientCertificateData=cert.decode(), clientKeyData=pem(key).decode())
    user = plug_in(f"cat <<'END'\n{said}\nEND")
    asked(secure, cluster_of(secure, "https", user, **{"certificate-authority-data": b64(authority[2])}))


@pytest.mark.parametrize(
    ("where", "key", "value", "says"),
    [
        ("cluster", "certificate-authority-data", "eA==", "certificate-authority is not a certificate"),
        ("cluster", "certificate-authority-data", "!", "certificate-authority-data is not base64"),
        ("cluster", "certificate-authority", "/nowhere", "certificate-authority /nowhere cannot be read"),
        ("user", "client-key-data", "eA==", "not a usable pair"),
        ("user", "client-key-data", "", "not a usable pair"),
        ("user", "client-certificate", "/nowhere", "client-certificate /nowhere cannot be read"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_named(secure, ann, where, key, value, says):
    user = {k: v for k, v in ann.items() if not (value == "/nowhere" and k == f"{key}-data")}
    entries = {"cluster": {}, "user": user}
    entries[where][key] = value
    with pytest.raises(UsageError) as caught:
        cluster_of(secure, "https", entries["user"], **entries["cluster"]).get("Pod", "p", "n")
    assert says in str(caught.value)


# --- proxies


@pytest.fixture
def tunnel():
    """A proxy for one connection: HTTP CONNECT or SOCKS5, told by its first byte; what was asked is kept."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)
        said = []
        thread = threading.Thread(target=_serve, args=(listening, said), daemon=True)
        thread.start()
        yield listening.getsockname()[1], said
        thread.join(10)


def _serve(listening, said):
    near, _ = listening.accept()
    first = near.recv(65536)
    if first[:1] == b"\x05":
        near.sendall(b"\x05\x00")
        wish = near.recv(65536)  # version, command, reserved, kind of address, address, port
        length = 4 if wish[3] == 1 else wish[4] + 1
        port = int.from_bytes(wish[4 + length : 6 + length], "big")
        said.append(b"socks")
        near.sendall(b"\x05\x00\x00\x01" + bytes(6))
    else:
        said.append(first)
        port = int(first.split()[1].rpartition(b":")[2])
        near.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    with near, socket.create_connection(("127.0.0.1", port)) as far:
        _both_ways(near, far)


def _both_ways(near, far):
    ways = [threading.Thread(target=_carry, args=pair, daemon=True) for pair in ((near, far), (far, near))]
    [way.start() for way in ways]
    [way.join(10) for way in ways]


def _carry(source, sink):
    with suppress(OSError):  # one side may hang up first
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
def test_a_proxy_of_the_kubeconfig_is_taken(secure, authority, ann, tunnel, scheme, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    port, said = tunnel
    login = "user:p%40w@" if scheme == "http" else ""
    made = cluster_of(secure, "https", ann, **{"certificate-authority-data": b64(authority[2]),
                                               "proxy-url": f"{scheme}://{login}127.0.0.1:{port}"})  # fmt: skip
    asked(secure, made)
    assert len(said) == 1
    if scheme == "http":
        assert b"Proxy-Authorization: Basic " + base64.b64encode(b"user:p@w") in said[0].replace(
            b"proxy-auth", b"Proxy-Auth"
        )


def test_a_proxy_that_is_dead_is_named(secure, authority):
    made = cluster_of(
        secure, "https", **{"certificate-authority-data": b64(authority[2]), "proxy-url": "http://u:secret@127.0.0.1:1"}
    )
    with pytest.raises(ClusterError, match="cannot be reached") as caught:
        made.get("Pod", "p", "n")
    assert "secret" not in str(caught.value)
    assert "proxy" in str(caught.value).lower()


def test_no_key_stays_in_a_file(secure, authority, ann):
    made = cluster_of(secure, "https", ann, **{"certificate-authority-data": b64(authority[2])})
    made.get("Pod", "p", "n")
    assert list(Path(tempfile.gettempdir()).iterdir()) == []
    made.close()
