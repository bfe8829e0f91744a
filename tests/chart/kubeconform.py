"""kubeconform, an independent checker of manifests, with strict schemas for the kinds that it is asked about.

The package kubernetes-validate brings the schemas. Their ids and absolute references would send kubeconform to the network, and
it reads all definitions again for each kind, which takes seconds: so a folder is made for each check, with what that needs.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate

from tests.chart.renders import ROOT
from tests.go_tools import built

SOURCE = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
OURS = ROOT / "tests/chart/schemas"
"""Schemas of kinds that are not Kubernetes' own."""
_ANY_DEFINITION = '"/api/_definitions.json'


def check(manifests: Collection[dict[str, Any]], version: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs kubeconform on the manifests; the last line of stdout has the counts. `folder` is an empty folder for its files."""
    program = built(ROOT / "tests/tools", "github.com/yannh/kubeconform/cmd/kubeconform") / "kubeconform"
    _schemas({(each["apiVersion"], each["kind"]) for each in manifests}, version, folder / "schemas")
    path = folder / "manifests.yaml"
    path.write_text("\n---\n".join(map(json.dumps, manifests)), encoding="utf-8")
    location = f"{folder}/schemas/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    argv = [str(program), "-strict", "-summary", "-n", "1", "-schema-location", location, str(path)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)


def _schemas(kinds: set[tuple[str, str]], version: str, folder: Path) -> None:
    shutil.copytree(OURS, folder)
    source = SOURCE / f"v{version}-local-strict"
    texts = []
    for api, kind in kinds:
        group, _, number = api.rpartition("/")
        name = "-".join(filter(None, (kind.lower(), group.partition(".")[0], number))) + ".json"
        if (source / name).exists():
            texts.append(re.sub(r',\s*"\$id": "https:[^"]*"', "", (source / name).read_text(encoding="utf-8")))
            (folder / name).write_text(texts[-1].replace(_ANY_DEFINITION, '"_definitions.json'), encoding="utf-8")
    whole = _definitions(source)
    needed = {name: whole[name] for name in _reachable("".join(texts), whole)}
    text = json.dumps({"$defs": needed}).replace(_ANY_DEFINITION, '"_definitions.json')
    (folder / "_definitions.json").write_text(text, encoding="utf-8")


@cache
def _definitions(source: Path) -> dict[str, Any]:
    return json.loads((source / "_definitions.json").read_text(encoding="utf-8"))["$defs"]


def _reachable(text: str, definitions: dict[str, Any]) -> Iterator[str]:
    """The names of all definitions that a schema refers to, and those that these refer to."""
    seen, found = set(), re.findall(r"#/\$defs/([\w.-]+)", text)
    while found:
        name = found.pop()
        if name not in seen:
            seen.add(name)
            yield name
            found += re.findall(r"#/\$defs/([\w.-]+)", json.dumps(definitions[name]))
