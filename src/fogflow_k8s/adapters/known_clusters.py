"""Which configuration went to which cluster: a small file of this machine, like SSH's known_hosts."""

from __future__ import annotations

import json
from pathlib import Path

from fogflow_k8s.adapters.state_dir import state_home, write_private

SANDBOX_CONTEXT = "fogflow-sandbox"
"""The context of the sandbox `default`; others have their name behind it."""
Known = dict[str, dict[str, str]]  # a configuration's key -> uid, context and server of its cluster


def load() -> Known:
    """What is known; nothing when the file is absent or damaged, for then the next deploy writes it anew."""
    try:
        found = json.loads(where().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in found.items() if isinstance(v, dict)} if isinstance(found, dict) else {}


def sandboxes(*contexts: str) -> bool:
    """Whether all of these contexts are of sandboxes of this machine, told by their names."""
    return all(name == SANDBOX_CONTEXT or name.startswith(f"{SANDBOX_CONTEXT}-") for name in contexts)


def save(known: Known) -> None:
    """Write it. Raises OSError."""
    where().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(where(), json.dumps(known, indent=1, sort_keys=True))


def forget_server(server: str) -> None:
    """Forget a cluster that exists no more, by its address: it cannot be meant again."""
    known = load()
    kept = {key: each for key, each in known.items() if each.get("server") != server}
    if kept != known:
        save(kept)


def where() -> Path:
    """The file."""
    return state_home() / "clusters.json"
