"""What the option --external-ip sets: the addresses of the reverse proxy, the way in, and FogFlow's own external address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

KeyPath = tuple[str | int, ...]


class AddressConflict(ValueError):
    """The settings name another external address in config.coreservice_ip."""

    def __init__(self, address: str, configured: str) -> None:
        super().__init__(f"{address} and coreservice_ip {configured} are different addresses for one reverse proxy")


def set_external_ips(data: dict[str, Any], addresses: Sequence[str]) -> list[KeyPath]:
    """Set the keys of values.yaml that follow from external IP addresses, in place; the paths of these keys.

    FogFlow uses the first address, unless config.coreservice_ip names another one of them. A section of the wrong type is left to
    the validation. Raises AddressConflict when coreservice_ip is not among the addresses.
    """
    config, expose = data.setdefault("config", {}), data.setdefault("expose", {})
    if isinstance(config, dict):
        core = config.get("coreservice_ip")
        if core and core not in addresses:
            raise AddressConflict(addresses[0], str(core))
        config["coreservice_ip"] = core or addresses[0]
    if isinstance(expose, dict):
        expose["type"] = "externalIPs"
    data["externalIPs"] = list(dict.fromkeys(addresses))
    each = [("externalIPs", index) for index in range(len(addresses))]
    return [*each, ("externalIPs",), ("config", "coreservice_ip"), ("expose", "type")]
