"""SBOMs in SPDX 2.3 (JSON): what the wheel needs, and what an image consists of.

A document is identified by the digest of what it describes, and dated as the last commit, so that it is reproducible, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_string
from typing import Any
from urllib.parse import quote

from artifacts.debian import SUITE, Package

_NONE = "NOASSERTION"


@dataclass(frozen=True)
class Part:
    """A package of an SBOM. `purl`: its package URL; `licence`: an SPDX expression; `sha256`: of its archive; "" where not known."""

    name: str
    version: str = ""
    purl: str = ""
    licence: str = ""
    sha256: str = ""


def document(subject: Part, parts: Sequence[Part], relation: str, epoch: int) -> bytes:
    """The SBOM of `subject`. `relation`: CONTAINS or DEPENDS_ON; `epoch`: its time, in seconds since 1970."""
    root = "SPDXRef-Package-" + _id(subject.name)
    entries = [
        (root, subject),
        *((f"SPDXRef-Package-{number}-{_id(part.name)}", part) for number, part in enumerate(parts, 1)),
    ]
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", root), *((root, relation, id_) for id_, _ in entries[1:])]
    found = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{subject.name}-{subject.version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/{quote(subject.name)}-{quote(subject.version)}-{subject.sha256}",
        "creationInfo": {
            "created": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: fogflow-k8s-artifacts"],
        },
        "packages": [_package(id_, part) for id_, part in entries],
        "relationships": [
            {"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b} for a, kind, b in relations
        ],
    }
    return (json.dumps(found, indent=1) + "\n").encode()


def of_debian(package: Package) -> Part:
    """A package of Debian."""
    place = f"pkg:deb/debian/{quote(package.name)}@{quote(package.version)}"
    return Part(
        package.name,
        package.version,
        f"{place}?arch={package.architecture}&distro={SUITE}",
        sha256=package.sha256,
    )


def of_wheel(metadata: str) -> Part:
    """A package of Python, from its METADATA."""
    fields = message_from_string(metadata)
    name, version = str(fields["Name"]), str(fields["Version"])
    return Part(name, version, _pypi(name, version), str(fields["License-Expression"] or ""))


def of_requirements(metadata: str) -> list[Part]:
    """What a wheel requires without its extras, by its METADATA; the versions are decided when it is installed."""
    required: Iterable[str] = message_from_string(metadata).get_all("Requires-Dist") or ()
    names = [re.split(r"[\s\[<>=!~;(]", each, maxsplit=1)[0] for each in required if "extra ==" not in each]
    return [Part(name, purl=_pypi(name)) for name in sorted(names)]


def _package(id_: str, part: Part) -> dict[str, Any]:
    return {
        "SPDXID": id_,
        "name": part.name,
        **({"versionInfo": part.version} if part.version else {}),
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        "licenseConcluded": _NONE,
        "licenseDeclared": part.licence or _NONE,
        "copyrightText": _NONE,
        **({"checksums": [{"algorithm": "SHA256", "checksumValue": part.sha256}]} if part.sha256 else {}),
        **(
            {
                "externalRefs": [
                    {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": part.purl}
                ]
            }
            if part.purl
            else {}
        ),
    }


def _pypi(name: str, version: str = "") -> str:
    normal = re.sub(r"[-_.]+", "-", name).lower()
    return f"pkg:pypi/{normal}" + (f"@{quote(version)}" if version else "")


def _id(name: str) -> str:
    """The name with the characters that an SPDX identifier may have."""
    return re.sub(r"[^A-Za-z0-9.-]", "-", name)
