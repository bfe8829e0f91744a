"""The sandbox's context in the user's kubeconfig: `up` adds it, `down` removes it, all other entries stay.

The file is changed under kubectl's lock, and `down` restores the previous current context.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fogflow_k8s.adapters.state_dir import home, write_private
from fogflow_k8s.engine.waiting import WaitTimeout, wait_for
from fogflow_k8s.errors import ConfigError, FogflowError
from fogflow_k8s.sandbox.state import KubeconfigEntry

_LISTS = ("clusters", "users", "contexts")
_LOCK_S = 10.0


def current_file() -> Path:
    """Return the kubeconfig that kubectl would write to: the first file of $KUBECONFIG, or ~/.kube/config."""
    named = [name for name in os.environ.get("KUBECONFIG", "").split(os.pathsep) if name]
    return Path(named[0]).absolute() if named else home() / ".kube" / "config"


def check(path: Path) -> None:
    """Raise ConfigError when the file exists and is not a kubeconfig; called before anything is started."""
    _read(path)


def add(path: Path, context: str, own: dict[str, Any], *, switch: bool) -> KubeconfigEntry:
    """Add cluster, user and context; the returned entry undoes it with `remove`. Raises ConfigError, FogflowError."""
    with _file_lock(path):
        created = not path.exists()
        config = _read(path)
        entry = KubeconfigEntry(str(path), context, own["clusters"][0]["cluster"]["server"], None, created)
        if switch:
            current = str(config.get("current-context") or "")
            entry.previous = "" if current == context else current
        _write(path, merge(config, own, context, switch=switch))
    return entry


def remove(entry: KubeconfigEntry) -> bool:
    """Remove exactly these entries; return False when there are none. Entries of another sandbox with that name stay."""
    path = Path(entry.path)
    if not path.exists():
        return False
    with _file_lock(path):
        config = _read(path)
        if not unmerge(config, entry):
            return False
        if entry.created and not any(config.get(key) for key in _LISTS):
            path.unlink()
        else:
            _write(path, config)
    return True


def merge(config: dict[str, Any], own: dict[str, Any], context: str, *, switch: bool) -> dict[str, Any]:
    """Return the kubeconfig with the three entries added, replacing entries of the same name."""
    merged = {"apiVersion": "v1", "kind": "Config", **config}
    for key in _LISTS:
        others = [item for item in merged.get(key) or [] if item.get("name") != context]
        merged[key] = [*others, *own[key]]
    if switch:
        merged["current-context"] = context
    return merged


def unmerge(config: dict[str, Any], entry: KubeconfigEntry) -> bool:
    """Remove the entries from `config`, in place; return False, without a change, when the cluster is another one."""
    clusters = {item.get("name"): item.get("cluster") or {} for item in config.get("clusters") or []}
    if clusters.get(entry.context, {}).get("server") != entry.server:
        return False
    for key in _LISTS:
        config[key] = [item for item in config.get(key) or [] if item.get("name") != entry.context]
    if config.get("current-context") == entry.context:
        names = {item.get("name") for item in config["contexts"]}
        config["current-context"] = entry.previous if entry.previous in names else ""
    return True


def _read(path: Path) -> dict[str, Any]:
    import yaml

    try:
        config = yaml.load(path.read_text(), Loader=_loader())  # noqa: S506 - a SafeLoader that guesses less
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(
            f"{path} cannot be read: {error}", hint="repair it, or set KUBECONFIG to another file"
        ) from error
    if config is None:
        return {}
    lists = [config.get(key) or [] for key in _LISTS] if isinstance(config, dict) else [None]
    if not all(isinstance(one, list) and all(isinstance(item, dict) for item in one) for one in lists):
        raise ConfigError(f"{path} is not a kubeconfig", hint="repair it, or set KUBECONFIG to another file")
    return dict(config)


def _loader() -> Any:
    """Return a SafeLoader that keeps text that YAML 1.1 would convert: 12:30, octal numbers, dates or `yes`."""
    import re

    import yaml

    class Plain(yaml.SafeLoader):
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way of declaring it

    Plain.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))
    Plain.add_implicit_resolver("tag:yaml.org,2002:int", re.compile("^-?(?:0|[1-9][0-9]*)$"), list("-0123456789"))
    Plain.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("^(?:~|null|)$"), ["~", "n", ""])
    return Plain


def _write(path: Path, config: dict[str, Any]) -> None:
    import yaml

    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=2**20)
    real = path.resolve()  # keep a symbolic link
    try:
        mode = stat.S_IMODE(real.stat().st_mode) if real.exists() else 0o600
        write_private(real, text, mode)
    except OSError as error:
        raise FogflowError(
            f"cannot write {path}: {error.strerror}", hint="set KUBECONFIG to a file that you can write"
        ) from error


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    """Hold kubectl's lock: the process that creates FILE.lock has it."""
    lock = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        wait_for(f"the lock {lock}", lambda: _create(lock), bool, timeout_s=_LOCK_S, every_s=0.1)
    except WaitTimeout as error:
        hint = "if no kubectl is running, remove the lock: rm {lock}"
        raise FogflowError(f"{path} is locked by {lock}", hint=hint) from error
    except OSError as error:
        raise FogflowError(
            f"cannot write {path}: {error.strerror}", hint="set KUBECONFIG to a file that you can write"
        ) from error
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            lock.unlink()


def _create(lock: Path) -> bool:
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    return True
