"""The certificates of a sandbox.

There are two authorities, so that a certificate of the cluster gives no access to etcd, which stores every Secret.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fogflow_k8s.adapters.state_dir import write_private

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate

_HOSTS = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
# file name: authority, common name, organization (Kubernetes reads them as user and group)
_LEAVES = {
    "etcd": ("etcd-ca", "etcd", ""),
    "apiserver-etcd": ("etcd-ca", "kube-apiserver", ""),
    "apiserver": ("ca", "kube-apiserver", ""),
    "apiserver-kubelet": ("ca", "kube-apiserver", "system:masters"),
    "kubelet": ("ca", "kwok", ""),
    "admin": ("ca", "sandbox-admin", "system:masters"),
    "kwok": ("ca", "kwok", "system:masters"),
    "kcm": ("ca", "system:kube-controller-manager", ""),
    "scheduler": ("ca", "system:kube-scheduler", ""),
}
_OF_NODES = {"proxy": ("ca", "system:kube-proxy", "")}
_LIFETIME = dt.timedelta(days=3650)
_CLOCK_SKEW = dt.timedelta(hours=1)


def write_pki(folder: Path, addresses: Sequence[str], nodes: Mapping[str, str] | None = None) -> None:
    """Create every key and certificate of a sandbox: NAME.crt and NAME.key, the keys readable by their owner only.

    `addresses` are the API server's; `nodes` maps real nodes to addresses, and each gets a certificate kubelet-NODE.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authorities = {name: _authority(f"sandbox {name}") for name in ("ca", "etcd-ca")}
    for name, (key, certificate) in authorities.items():
        _write(folder, name, key, certificate)
    for name, (authority, common_name, organisation) in (_LEAVES | (_OF_NODES if nodes else {})).items():
        key, certificate = _leaf(authorities[authority], common_name, organisation, _HOSTS, ["127.0.0.1", *addresses])
        _write(folder, name, key, certificate)
    for node, address in (nodes or {}).items():
        key, certificate = _leaf(authorities["ca"], f"system:node:{node}", "system:nodes", [node], [address])
        _write(folder, f"kubelet-{node}", key, certificate)
    _write(folder, "service-accounts", _new_key(), None)


def _new_key() -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _authority(name: str) -> tuple[EllipticCurvePrivateKey, Certificate]:
    from cryptography import x509

    key = _new_key()
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=None), True),
        (usage, True),  # strict clients (Python 3.13 and newer) require it
    ]
    return key, _sign(key, (name, ""), key, name, extensions)


def _leaf(
    authority: tuple[EllipticCurvePrivateKey, Certificate],
    common_name: str,
    organisation: str,
    hosts: Sequence[str],
    addresses: Sequence[str],
) -> tuple[EllipticCurvePrivateKey, Certificate]:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = _new_key()
    issuer_key, issuer = authority
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    extensions: list[tuple[x509.ExtensionType, bool]] = [(both, False), (x509.SubjectAlternativeName(names), False)]
    issuer_name = str(issuer.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    return key, _sign(key, (common_name, organisation), issuer_key, issuer_name, extensions)


def _sign(
    key: EllipticCurvePrivateKey,
    subject: tuple[str, str],
    issuer_key: EllipticCurvePrivateKey,
    issuer_name: str,
    extensions: list[tuple[x509.ExtensionType, bool]],
) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(*subject))
        .issuer_name(_name(issuer_name, ""))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(common_name: str, organisation: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)] if organisation else []
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _write(folder: Path, name: str, key: EllipticCurvePrivateKey, certificate: Certificate | None) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(folder / f"{name}.key", pem)
    public = (
        certificate.public_bytes(Encoding.PEM)
        if certificate
        else key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    write_private(folder / f"{name}.crt" if certificate else folder / f"{name}.pub", public)
