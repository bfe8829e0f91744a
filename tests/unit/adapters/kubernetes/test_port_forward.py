"""A lost port forward is noticed: by kubectl's exit, by its messages, and by connections without an answer."""

import contextlib
import socket
import threading

import pytest

from fogflow_k8s.adapters.kubernetes import port_forward
from fogflow_k8s.adapters.kubernetes.kubectl import Kubectl
from fogflow_k8s.adapters.kubernetes.port_forward import ForwardFailed

BUDGET_S = 10
LOST = "E0304 12:00:00.000000   99 portforward.go:424] error: lost connection to pod"
FORWARDING = (
    'E0304 12:00:00.000000   99 portforward.go:424] "Unhandled Error" err="an error occurred forwarding 8080 -> 80: error '
    "forwarding port 80 to pod 0a1b, uid : failed to execute portforward in network namespace: connection refused"
    '"'
)
STREAM = (
    "E0304 12:00:00.000000   99 portforward.go:381] error creating error stream for port 8080 -> 80: Timeout occurred"
)
FORWARDING_STREAM = (
    "E0304 12:00:00.000000   99 portforward.go:403] error creating forwarding stream for port 8080 -> 80: EOF"
)
CLIENT = (
    "E0304 12:00:00.000000   99 portforward.go:340] error copying from remote stream to local connection: broken pipe"
)
ROUTINE = ("Forwarding from [::1]:8080 -> 80", "Handling connection for 8080")


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(port_forward, "TRY_EVERY_S", 0.05)
    monkeypatch.setattr(port_forward, "_EXIT_GRACE_S", 0.1)


@pytest.fixture
def kubectl(tmp_path):
    """A fake kubectl that prints these lines on stderr after it listens, then keeps running or exits with a status."""

    def write(*lines, port=1, status=None):
        said = "".join(f"cat >&2 <<'END'\n{line}\nEND\n" for line in lines)
        last = "exec sleep 600" if status is None else f"exit {status}"
        begin = f"echo 'Forwarding from 127.0.0.1:{port} -> 80'\n" if port else ""
        script = tmp_path / "kubectl"
        script.write_text(f"#!/bin/sh\n{begin}{said}{last}\n")
        script.chmod(0o755)
        return Kubectl(str(script), "city")

    return write


@contextlib.contextmanager
def listening(answer):
    """A port that answers every connection with these bytes, closes it, and counts the connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        counted = threading.Semaphore(0)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(1000)
                        connection.sendall(answer)
                    counted.release()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1], counted


def broken(kubectl, tell=lambda _: None):
    with kubectl.forwarding("service/nginx", 80) as forward:
        return forward.wait_until_lost("/healthz", tell)


@pytest.mark.parametrize("line", [LOST, FORWARDING, STREAM, FORWARDING_STREAM])
def test_a_message_about_a_lost_pod_ends_the_forward_while_kubectl_runs(kubectl, line):
    told = []
    lost = broken(kubectl(*ROUTINE, line), told.append)
    assert (told, lost.code) == ([f"{line}\n"], 0)
    assert "the connection to service/nginx is lost" in lost.message


def test_a_kubectl_that_keeps_printing_errors_is_not_waited_for(kubectl, tmp_path):
    made = kubectl(FORWARDING)
    script = tmp_path / "kubectl"
    script.write_text(script.read_text().replace("exec sleep 600", f"while :; do echo '{LOST}' >&2; sleep 0.01; done"))
    assert broken(made).code == 0


def test_a_message_before_kubectl_exits_comes_with_its_exit_status(kubectl, monkeypatch):
    monkeypatch.setattr(port_forward, "_EXIT_GRACE_S", 60.0)
    told = []
    lost = broken(kubectl(LOST, CLIENT, *ROUTINE, status=4), told.append)
    assert (lost.code, told) == (4, [f"{LOST}\n", f"{CLIENT}\n"])


@pytest.mark.parametrize("status", [0, 1, 3])
def test_an_exited_kubectl_is_reported_with_its_output_and_exit_status(kubectl, status):
    told = []
    lost = broken(kubectl(*ROUTINE, CLIENT, port=1, status=status), told.append)
    assert (lost.code, told) == (status, [f"{CLIENT}\n"])
    assert CLIENT in lost.message


def test_a_port_of_this_machine_that_another_program_has_is_not_the_clusters_fault(kubectl):
    said = "Error listen tcp4 127.0.0.1:8080: bind: address already in use"
    with pytest.raises(ForwardFailed, match="address already in use") as error:
        broken(kubectl(said, port=0, status=1))
    assert "--port 0 for a free one" in error.value.hint


def test_a_killed_kubectl_has_the_exit_status_of_a_shell(kubectl):
    assert broken(kubectl(status="$(kill -9 $$)")).code == 128 + 9


def test_a_pod_that_does_not_answer_ends_the_forward_while_kubectl_is_silent(kubectl):
    with listening(b"") as (port, _):
        lost = broken(kubectl(port=port))
    assert "its pod is gone, or closes every connection" in lost.message


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 404 Not Found\r\n\r\n", b"HTTP/1.1 401 no\r\n\r\n"]
)
def test_any_answer_keeps_the_forward(kubectl, answer):
    with listening(answer) as (port, counted), kubectl(CLIENT, port=port).forwarding("service/nginx", 80) as forward:

        def watch():
            with contextlib.suppress(OSError):  # the end of the block closes what it reads
                forward.wait_until_lost("/", lambda _: None)

        threading.Thread(target=watch, daemon=True).start()
        assert all(counted.acquire(timeout=60) for _ in range(4))


@pytest.mark.parametrize("status", [1, 7])
def test_a_port_that_is_never_forwarded_is_reported_with_kubectls_output_and_status(kubectl, status):
    words = 'Error from server (NotFound): services "nginx" not found'
    with pytest.raises(ForwardFailed) as told, kubectl(words, port=0, status=status).forward("service/nginx", 80):
        pass
    assert (told.value.code, told.value.exit_code) == (status, 11)
    assert words in told.value.message
