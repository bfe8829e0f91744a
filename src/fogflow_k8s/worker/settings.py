"""The worker's settings, from FogFlow's config.json.

The bootstrap container writes this file for all programs of FogFlow. The native worker reads the same keys as the upstream
worker, and `worker.tasks` for what the upstream worker cannot do: node selector, tolerations, resources and the owner of
the tasks' objects.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

from fogflow_k8s.model.kubernetes import Obj
from fogflow_k8s.model.task.record import label_value


class InvalidSettings(Exception):
    """config.json is invalid; the message names the key and what is allowed."""


@dataclass(frozen=True)
class Settings:
    """The settings of one worker. `bus_url` contains the password of RabbitMQ, so it is never written to a log."""

    id: str
    bus_url: str = field(repr=False)
    broker_url: str
    namespace: str
    capacity: int
    location: Obj
    tasks: Obj = field(default_factory=dict)

    @property
    def queue(self) -> str:
        """The queue in RabbitMQ. The upstream worker's queue has a different name, because a queue's properties cannot change."""
        return f"fogflow-k8s.{self.id}"

    @property
    def lease(self) -> str:
        """The name of the Lease; of several replicas, only its holder is active."""
        return f"fogflow-k8s-{label_value(self.id).lower().replace('.', '-').replace('_', '-')}"


def read_settings(path: Path, instance: str = "0") -> Settings:
    """The settings in a config.json; `instance` is the number of this worker (option -i). Raises InvalidSettings."""
    try:
        config = json.loads(path.read_text())
    except OSError as error:
        raise InvalidSettings(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise InvalidSettings(f"{path}: not JSON: {error}") from error
    return parse_settings(config, instance)


def parse_settings(config: Obj, instance: str = "0") -> Settings:
    """The settings in the content of a config.json. Raises InvalidSettings."""
    bus, broker, worker = (_section(config, key) for key in ("rabbitmq", "broker", "worker"))
    site = _required_text(config, "", "site_id")
    tasks = _section(worker, "tasks")
    location = config.get("physical_location")
    user, password = (_url_encoded(str(bus.get(key) or "guest")) for key in ("username", "password"))
    host = _required_text(bus, "rabbitmq.", "host_ip")
    broker_host = _required_text(broker, "broker.", "host_ip")
    return Settings(
        id=f"Worker.{site}" if instance in {"", "0"} else f"Worker.{site}.{instance}",
        bus_url=f"amqp://{user}:{password}@{host}:{_number(bus, 'rabbitmq.', 'port', 5672)}/",
        broker_url=f"http://{broker_host}:{_number(broker, 'broker.', 'http_port', 8070)}/ngsi10",
        namespace=_required_text(worker, "worker.", "app_namespace"),
        capacity=_number(worker, "worker.", "capacity", 100),
        location=location if isinstance(location, Mapping) else {},
        tasks=tasks,
    )


def _url_encoded(text: str) -> str:
    """The text for a URL. FogFlow's programs insert it unchanged, so config.json contains it percent-encoded already."""
    return quote(unquote(text), safe="")


def _section(config: Obj, key: str) -> Obj:
    found = config.get(key) if isinstance(config, Mapping) else None
    if found is not None and not isinstance(found, Mapping):
        raise InvalidSettings(f"{key} must be an object")
    return found or {}


def _required_text(section: Obj, where: str, key: str) -> str:
    found = section.get(key) if isinstance(section, Mapping) else None
    if not isinstance(found, str) or not found:
        raise InvalidSettings(f"{where}{key} is missing or is not a non-empty string")
    return found


def _number(section: Obj, where: str, key: str, default: int) -> int:
    found = section.get(key, default)
    if isinstance(found, str) and found.split("?")[0].isdigit():
        found = int(found.split("?")[0])  # the chart writes "5672?frameMax=8192" for the designer
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise InvalidSettings(f"{where}{key} must be a number of 0 or more, not {found!r}")
    return found
