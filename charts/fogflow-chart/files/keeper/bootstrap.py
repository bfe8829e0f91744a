"""The bootstrap container: an init container that writes a component's configuration and waits for what the component needs.

FogFlow's programs read one config.json and accept the password from no other source. If RabbitMQ does not answer within about
eleven seconds of their start, they never connect to it, and log no error. This program therefore does two things: it merges the
password from the mounted Secret into the file, on a volume in memory, and it ends only when everything that the component needs
answers, or at a deadline. The last line of its log says what it waits for.

Standard library only: it runs in a stock Python image, mounted from a ConfigMap.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import secrets
import signal
import socket
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from designers import arrive, fetch
from users import definitions, of_edges

TRY_TIMEOUT_S = 3.0
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 1.0
SAY_AGAIN_S = 15.0

AMQP_HEADER = b"AMQP\x00\x00\x09\x01"
_FRAME_START = b"\x01\x00\x00"  # a method frame on channel 0; 4 bytes of size follow, then the method
_CONNECTION_START = b"\x00\x0a\x00\x0a"
_CONSUMERS = re.compile(r'^rabbitmq_detailed_queue_consumers\{[^}]*queue="([^"]*)"[^}]*\}\s+([0-9.eE+]+)', re.MULTILINE)

Probe = Callable[[], str]
"""Returns an empty text when the need is met, else the reason in a few words."""


@dataclass(frozen=True)
class Need:
    """Something that must answer before the component may start."""

    name: str
    probe: Probe


def filled(config: dict[str, Any], password: str) -> dict[str, Any]:
    """`config` with the password in its rabbitmq section, percent-encoded: FogFlow's programs insert it into an amqp:// URL unchanged.

    Raises ValueError for other characters than printable ASCII: the AMQP client of the designer decodes each byte of UTF-8 as one
    character.
    """
    if not (password.isascii() and password.isprintable()):
        msg = "the Secret's key `password` has characters other than printable ASCII, with which the designer cannot log in"
        raise ValueError(msg)
    encoded = urllib.parse.quote(password, safe="")
    return config | {"rabbitmq": config.get("rabbitmq", {}) | {"password": encoded}}


def pick(values: str, index: int) -> str:
    """The value at `index` of a comma-separated list, modulo its length; a single value is for every index."""
    each = values.split(",")
    return each[index % len(each)]


def placed(config: dict[str, Any], path: str, value: str) -> dict[str, Any]:
    """`config` with `value` at a dotted path."""
    key, _, rest = path.partition(".")
    return config | {key: placed(config.get(key, {}), rest, value) if rest else value}


def write_private(path: Path, data: dict[str, Any]) -> None:
    """Write `data` as JSON in one step, readable by this user and group only."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o440)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(data, file, indent=2)
    new.replace(path)


def http_says(url: str) -> str:
    """Empty when a GET of `url` answers 2xx."""
    try:
        with urllib.request.urlopen(url, timeout=TRY_TIMEOUT_S):  # noqa: S310 - the chart writes http:// only
            return ""
    except urllib.error.HTTPError as error:
        return f"it answers {error.code}"
    except (OSError, http.client.HTTPException) as error:
        return _reason(error)


def amqp_says(address: str) -> str:
    """Empty when the broker at `host:port` answers the AMQP 0-9-1 header with Connection.Start: it accepts logins."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=TRY_TIMEOUT_S) as connection:
            connection.sendall(AMQP_HEADER)
            answer = _read(connection, 11)
    except OSError as error:
        return _reason(error)
    if answer.startswith(_FRAME_START) and answer[7:11] == _CONNECTION_START:
        return ""
    return f"it speaks something else: {answer!r}" if answer else "it takes connections but does not answer as AMQP yet"


def consumers(metrics: str) -> dict[str, int]:
    """The number of consumers of each queue, from RabbitMQ's Prometheus text."""
    found: dict[str, int] = {}
    for queue, count in _CONSUMERS.findall(metrics):
        found[queue] = found.get(queue, 0) + int(float(count))
    return found


def read_consumers(url: str) -> dict[str, int]:
    """The number of consumers of each queue at the RabbitMQ of `url`. Raises OSError and HTTPException."""
    query = f"{url.rstrip('/')}/metrics/detailed?family=queue_consumer_count"
    with urllib.request.urlopen(query, timeout=TRY_TIMEOUT_S) as answer:  # noqa: S310 - the chart writes http:// only
        return consumers(answer.read().decode("utf-8", "replace"))


def queue_says(url: str, queue: str, *, wanted: bool) -> str:
    """Empty when `queue` has a consumer (or, with wanted=False, none)."""
    try:
        count = read_consumers(url).get(queue, 0)
    except (OSError, http.client.HTTPException) as error:
        return _reason(error)
    if wanted:
        return "" if count else f"{queue} has no consumer"
    return f"{queue} still has {count} consumer(s)" if count else ""


def wait(needs: Sequence[Need], deadline_s: float, say: Callable[[str], None]) -> bool:
    """Wait for each need in turn; False at the deadline. `say` receives what it waits for."""
    start = time.monotonic()
    for need in needs:
        told, told_at, pause = "", 0.0, FIRST_PAUSE_S
        while reason := need.probe():
            now = time.monotonic()
            line = f"waiting for {need.name}: {reason}"
            if now - start >= deadline_s:
                say(f"gave up after {now - start:.0f} s {line}")
                return False
            if line != told or now - told_at >= SAY_AGAIN_S:
                say(line)
                told, told_at = line, now
            time.sleep(min(pause, max(0.0, deadline_s - (now - start))))
            pause = min(pause * 1.5, LONGEST_PAUSE_S)
    say(f"open after {time.monotonic() - start:.1f} s")
    return True


def needs_of(options: argparse.Namespace) -> list[Need]:
    """The needs in the order in which they must be met."""
    metrics = options.metrics
    return [
        *(Need(name, partial(http_says, url)) for name, url in options.http),
        *(Need(name, partial(amqp_says, address)) for name, address in options.amqp),
        *(Need(name, partial(queue_says, metrics, queue, wanted=True)) for name, queue in options.consumed),
        *(Need(name, partial(queue_says, metrics, queue, wanted=False)) for name, queue in options.unconsumed),
    ]


def prepare(options: argparse.Namespace) -> None:
    """Write the files that the options name. Raises OSError and ValueError."""
    password = options.password_file.read_text(encoding="utf-8").strip() if options.password_file else ""
    if options.password_file and not password:
        msg = f"{options.password_file} is empty: the Secret's key `password` has no value"
        raise ValueError(msg)
    if options.config:
        config = json.loads(options.config.read_text(encoding="utf-8"))
        for path, value in options.own:
            config = placed(config, path, value)
        write_private(options.out, filled(config, password) if password else config)
    if options.definitions:
        edges = of_edges(options.edges)
        write_private(options.definitions, definitions(options.username, password, secrets.token_bytes(4), edges))


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options, as the chart's templates write them."""
    parser = argparse.ArgumentParser(
        prog="bootstrap", description="Writes the configuration, then waits for the needs."
    )
    parser.add_argument("--config", type=Path, help="configuration without password")
    parser.add_argument("--out", type=Path, help="where the component reads it")
    parser.add_argument("--index", type=int, default=0, help="number of this instance, from 0")
    parser.add_argument("--password-file", type=Path, help="mounted from the Secret")
    parser.add_argument("--definitions", type=Path, help="write RabbitMQ's definitions here")
    parser.add_argument("--edges", type=Path, help="folder with a file for each edge's user")
    parser.add_argument("--username", default="fogflow", help="of the one RabbitMQ user")
    parser.add_argument("--fetch", type=_pair, default=None, help="FILE=URL: download a missing file")
    parser.add_argument(
        "--arrive", default="", help="HOST:PORT at which other components should reach this pod before it starts"
    )
    parser.add_argument("--deadline", type=float, default=600.0, help="seconds")
    parser.add_argument("--metrics", default="", help="URL of RabbitMQ's Prometheus endpoint")
    for kind, says in (
        ("http", "NAME=URL that must answer 2xx"),
        ("amqp", "NAME=HOST:PORT that must answer the AMQP handshake"),
        ("consumed", "NAME=QUEUE that must have a consumer"),
        ("unconsumed", "NAME=QUEUE that must have none; of a comma-separated list, the one of --index"),
        ("own", "PATH=VALUES for config.json; of a comma-separated list, the one of --index"),
    ):
        parser.add_argument(f"--{kind}", type=_pair, action="append", default=[], help=says)
    options = parser.parse_args(argv)
    if options.config and not options.out:
        parser.error("--config needs --out")
    if options.definitions and not options.password_file:
        parser.error("--definitions needs --password-file")
    if (options.consumed or options.unconsumed) and not options.metrics:
        parser.error("--consumed and --unconsumed need --metrics")
    for kind in ("unconsumed", "own"):
        setattr(options, kind, [(name, pick(values, options.index)) for name, values in getattr(options, kind)])
    return options


def main(argv: Sequence[str]) -> int:
    """0 when the component may start, 1 when not."""
    # PID 1 has no default action for SIGTERM: without this a deletion would wait out the whole grace period
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    options = parse(argv)
    try:
        prepare(options)
    except (OSError, ValueError) as error:
        _say(f"cannot prepare the configuration: {error}")
        return 1
    if options.fetch:
        _say(fetch(options.fetch[1], Path(options.fetch[0])))
    if not wait(needs_of(options), options.deadline, _say):
        return 1
    if options.arrive:
        _say(arrive(options.arrive))
    return 0


def _say(line: str) -> None:
    print(f"bootstrap: {line}", flush=True)


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not name or not value:
        msg = f"{text!r} is not NAME=VALUE"
        raise argparse.ArgumentTypeError(msg)
    return name, value


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (chunk := connection.recv(size - len(data))):
        data += chunk
    return data


def _reason(error: BaseException) -> str:
    """A network error in a few words that do not change while the error stays the same."""
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(inner, TimeoutError):
        return "no answer in time"
    if isinstance(inner, socket.gaierror):
        return "its name does not resolve"
    return (
        inner.strerror if isinstance(inner, OSError) and inner.strerror else str(inner) or type(inner).__name__
    ).lower()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
