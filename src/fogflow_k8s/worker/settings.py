"""What the worker is told: FogFlow's config.json, with `worker.tasks` for what upstream's worker has no key for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.task.record import label_value


class BadSettings(Exception):
    """config.json cannot be used; the text says which key, and what is allowed."""


@dataclass(frozen=True)
class Settings:
    """One worker. `bus_url` carries the password: it is never written anywhere."""

    id: str
    bus_url: str = field(repr=False)
    broker_url: str
    namespace: str
    capacity: int
    location: Obj
    tasks: Obj = field(default_factory=dict)

    @property
    def queue(self) -> str:
        """Of our own name: upstream's has other properties, and a queue's cannot be changed."""
        return f"fogflow-k8s.{self.id}"

    @property
    def lease(self) -> str:
        """The Lease whose holder acts."""
        return f"fogflow-k8s-{label_value(self.id).lower().replace('.', '-').replace('_', '-')}"


def load(path: Path, instance: str = "0") -> Settings:
    """The settings in that file, for the `-i`th of several workers. Raises BadSettings."""
    try:
        config = json.loads(path.read_text())
    except OSError as error:
        raise BadSettings(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise BadSettings(f"{path}: not JSON: {error}") from error
    return settings(config, instance)


def settings(config: Obj, instance: str = "0") -> Settings:
    """The settings in a config.json. Raises BadSettings."""
    bus, broker, worker = (_section(config, key) for key in ("rabbitmq", "broker", "worker"))
    site = _needed(config, "", "site_id")
    tasks = _section(worker, "tasks")
    location = config.get("physical_location")
    user, password = (_in_url(str(bus.get(key) or "guest")) for key in ("username", "password"))
    host = _needed(bus, "rabbitmq.", "host_ip")
    broker_host = _needed(broker, "broker.", "host_ip")
    return Settings(
        id=f"Worker.{site}" if instance in {"", "0"} else f"Worker.{site}.{instance}",
        bus_url=f"amqp://{user}:{password}@{host}:{_number(bus, 'rabbitmq.', 'port', 5672)}/",
        broker_url=f"http://{broker_host}:{_number(broker, 'broker.', 'http_port', 8070)}/ngsi10",
        namespace=_needed(worker, "worker.", "app_namespace"),
        capacity=_number(worker, "worker.", "capacity", 100),
        location=location if isinstance(location, Mapping) else {},
        tasks=tasks,
    )


def _in_url(text: str) -> str:
    """As it may stand in a URL. FogFlow's config.json has it percent-encoded already, as upstream's programs paste it as it is."""
    return quote(unquote(text), safe="")


def _section(config: Obj, key: str) -> Obj:
    found = config.get(key) if isinstance(config, Mapping) else None
    if found is not None and not isinstance(found, Mapping):
        raise BadSettings(f"{key} is to be an object")
    return found or {}


def _needed(section: Obj, where: str, key: str) -> str:
    found = section.get(key) if isinstance(section, Mapping) else None
    if not isinstance(found, str) or not found:
        raise BadSettings(f"{where}{key} is missing: a text is needed")
    return found


def _number(section: Obj, where: str, key: str, default: int) -> int:
    found = section.get(key, default)
    if isinstance(found, str) and found.split("?")[0].isdigit():
        found = int(found.split("?")[0])  # "5672?frameMax=8192" is how the designer is told about frames
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise BadSettings(f"{where}{key} is to be a number, not {found!r}")
    return found
