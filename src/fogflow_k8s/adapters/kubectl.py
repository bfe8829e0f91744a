"""kubectl: not needed by us, but by the commands that we print. Which one there is, and whether it fits the server."""

from __future__ import annotations

import json
import re
import shutil

from fogflow_k8s.adapters.process import Runner
from fogflow_k8s.errors import FogflowError

SKEW = 1  # minor versions, older or newer: https://kubernetes.io/releases/version-skew-policy/#kubectl


def client_version(runner: Runner, binary: str = "kubectl") -> str:
    """What kubectl says its version is, like v1.36.1; "" when it is absent or says nothing of the kind."""
    path = shutil.which(binary)
    if path is None:
        return ""
    try:
        said = runner.run([path, "version", "--client", "-o", "json"], timeout_s=20).stdout
        return str(json.loads(said)["clientVersion"]["gitVersion"])
    except (FogflowError, ValueError, KeyError, TypeError):  # it hangs, cannot be run, or answers something else
        return ""


def fits(client: str, server: str) -> bool:
    """Whether a kubectl `v1.36.1` may talk to a server `v1.37.2`."""
    ours, theirs = (re.match(r"v1\.(\d+)\.", text) for text in (server, client))
    return bool(ours and theirs and abs(int(ours[1]) - int(theirs[1])) <= SKEW)
