"""Remember which cluster each configuration was deployed to, in a small local file like SSH's known_hosts.

`deploy` compares the current context with the last one, and refuses when the same configuration would go to another
cluster by accident.
"""

from __future__ import annotations

import json
from pathlib import Path

from fogflow_k8s.adapters.state_dir import state_home, write_private

SANDBOX_CONTEXT = "fogflow-sandbox"
"""The kubeconfig context of the sandbox `default`; other sandboxes append their name."""
KnownClusters = dict[str, dict[str, str]]  # key of a configuration -> uid, context and server of its cluster


def load_known() -> KnownClusters:
    """Return the file's content; empty when it is absent or damaged, because the next deploy writes it again."""
    try:
        found = json.loads(file_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in found.items() if isinstance(v, dict)} if isinstance(found, dict) else {}


def are_sandboxes(*contexts: str) -> bool:
    """Whether all of these contexts belong to sandboxes, judged by their names."""
    return all(name == SANDBOX_CONTEXT or name.startswith(f"{SANDBOX_CONTEXT}-") for name in contexts)


def save_known(known: KnownClusters) -> None:
    """Write the file. Raises OSError."""
    file_path().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(file_path(), json.dumps(known, indent=1, sort_keys=True))


def forget_server(server: str) -> None:
    """Forget a deleted cluster by its address, so that a new one at that address is not refused."""
    known = load_known()
    kept = {key: each for key, each in known.items() if each.get("server") != server}
    if kept != known:
        save_known(kept)


def file_path() -> Path:
    """The file."""
    return state_home() / "clusters.json"
