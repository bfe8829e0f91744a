"""RabbitMQ's password changed in its Secret: after a deploy the old one is refused, the new one is let in, and all works."""

import base64
import json
import socket
import struct

from tests.documents import parse
from tests.real.shared.conftest import OPTIONS

BUDGET_S = 80

SECRET = "fogflow-rabbitmq"
USER, NEW = "fogflow", "another-password-in-force"
START, START_OK, TUNE, CLOSE = (10, 10), (10, 11), (10, 30), (10, 50)  # AMQP 0-9-1, class connection
REFUSED = 403
_TELLS = b"\x1cauthentication_failure_closet\x01"  # a client that can be told, else its connection is reset
CLIENT = b"\x0ccapabilitiesF" + struct.pack("!I", len(_TELLS)) + _TELLS


def password(fogflow):
    return base64.b64decode(fogflow.get("secret", SECRET)["data"]["password"]).decode()


def lets_in(host, secret):
    """Whether RabbitMQ lets the user in with that password: it goes on to tune the connection, or says 403."""
    with socket.create_connection((host, 5672), timeout=15) as connection:
        stream = connection.makefile("rwb")
        stream.write(b"AMQP\x00\x00\x09\x01")
        stream.flush()
        assert frame(stream)[0] == START
        answer = f"\0{USER}\0{secret}".encode()
        table = struct.pack("!HHI", *START_OK, len(CLIENT)) + CLIENT
        body = table + b"\x05PLAIN" + struct.pack("!I", len(answer)) + answer + b"\x05en_US"
        stream.write(struct.pack("!BHI", 1, 0, len(body)) + body + b"\xce")
        stream.flush()
        method, arguments = frame(stream)
        assert method == TUNE or (method, struct.unpack("!H", arguments[:2])[0]) == (CLOSE, REFUSED)
        return method == TUNE


def frame(stream):
    """Class and method of the next frame, and its arguments."""
    size = struct.unpack("!BHI", stream.read(7))[2]
    body = stream.read(size + 1)
    return struct.unpack("!HH", body[:4]), body[4:-1]


def test_a_changed_password_is_in_force_after_a_deploy(calm):
    tasks, old = calm.tasks(), password(calm)
    deploy = ("deploy", "-n", calm.namespace, *OPTIONS, "-o", "json")
    assert lets_in(calm.address["rabbitmq"], old)
    patch = json.dumps({"stringData": {"password": NEW}})
    calm.box.kubectl("-n", calm.namespace, "patch", "secret", SECRET, "--type=merge", "-p", patch)
    assert not lets_in(calm.address["rabbitmq"], NEW), "nothing has taken it up yet"

    result = parse(calm.box.tool(*deploy))
    assert (result["result"], result["state"]) == ("rotated", "working")
    assert "the keeper sees their consumers" in result["detail"]
    assert lets_in(calm.address["rabbitmq"], NEW)
    assert not lets_in(calm.address["rabbitmq"], old)
    calm.recover()
    assert calm.tasks() == tasks, "exactly the tasks of before"
    before = calm.identities()
    assert parse(calm.box.tool(*deploy))["result"] == "unchanged"
    assert calm.identities() == before
