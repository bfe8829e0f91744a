"""The bootstrap container: what it writes, what it takes for an answer, and that it ends when it is told to."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import importlib.util
import json
import signal
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import designers
import pytest

from tests.ports import free_port

SCRIPT = Path(__file__).resolve().parents[3] / "charts/fogflow-chart/files/keeper/bootstrap.py"
START = b"\x01\x00\x00\x00\x00\x01\xf7\x00\x0a\x00\x0a\x00\x09"  # frame, channel 0, size, Connection.Start
METRICS = """# TYPE rabbitmq_detailed_queue_consumers gauge
rabbitmq_detailed_queue_consumers{vhost="/",queue="Master.001"} 1
rabbitmq_detailed_queue_consumers{vhost="/",queue="Worker.001"} 0
rabbitmq_detailed_queue_consumers{queue="fogflow-designer",vhost="/"} 2.0
rabbitmq_detailed_queue_consumers_other{vhost="/",queue="x"} 9
"""


def _load():
    spec = importlib.util.spec_from_file_location("bootstrap", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["bootstrap"] = module
    spec.loader.exec_module(module)
    return module


bootstrap = _load()


@contextlib.contextmanager
def web(status=200, body=b"ok"):
    """The URL of a server that always answers so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def bus(answer):
    """host:port of something that reads eight bytes and answers `answer`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    assert connection.recv(8) == b"AMQP\x00\x00\x09\x01"
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


@pytest.fixture
def closed_port():
    return f"127.0.0.1:{free_port()}"


def test_rabbitmq_gets_one_user_who_administers_nothing():
    made = bootstrap.definitions("fogflow", "secret", b"salt")
    assert [(user["name"], user["tags"]) for user in made["users"]] == [("fogflow", [])], "and no guest"
    assert [(each["user"], each["vhost"]) for each in made["permissions"]] == [("fogflow", "/")]
    assert "secret" not in json.dumps(made)


def test_the_password_joins_the_other_keys_of_the_section():
    config = {"site_id": "001", "rabbitmq": {"port": 5672}}
    assert bootstrap.filled(config, "p") == {"site_id": "001", "rabbitmq": {"port": 5672, "password": "p"}}
    assert config["rabbitmq"] == {"port": 5672}


@pytest.mark.parametrize("password", ["S3cret!/@%", "a:b?c#d e", "kJ8/+mPq2x==", "100%25", "[x]\"\\<>^`{|}'"])
def test_any_password_survives_the_url_into_which_fogflow_pastes_it(password):
    pasted = "amqp://fogflow:{}@rabbitmq.fogflow:5672/".format(bootstrap.filled({}, password)["rabbitmq"]["password"])
    parts = urlsplit(pasted)
    assert (parts.hostname, parts.port, unquote(parts.password)) == ("rabbitmq.fogflow", 5672, password)


@pytest.mark.parametrize("password", ["pass\u00e9", "\u5bc6\u7801", "tab\tinside", "nul\0"])
def test_a_password_that_the_designer_cannot_send_is_refused_and_not_shown(tmp_path, capsys, password):
    (tmp_path / "password").write_text(password)
    (tmp_path / "in.json").write_text("{}")
    files = [f"--config={tmp_path}/in.json", f"--out={tmp_path}/out.json", f"--password-file={tmp_path}/password"]
    assert bootstrap.main(files) == 1
    out = capsys.readouterr().out
    assert "characters other than printable ASCII" in out
    assert password not in out


def test_the_hash_is_rabbitmqs_salted_sha256():
    user = bootstrap.definitions("fogflow", "secret", b"\x90\x8d\xc6\x0a")["users"][0]
    raw = base64.b64decode(user["password_hash"])
    assert raw[:4] == b"\x90\x8d\xc6\x0a"
    assert raw[4:] == hashlib.sha256(raw[:4] + b"secret").digest()
    assert "secret" not in json.dumps(user).replace("password", "")


def test_a_file_is_for_our_ids_only_and_may_be_written_again(tmp_path):
    for content in ({"a": 1}, {"a": 2}):
        bootstrap.write_private(tmp_path / "config.json", content)
    assert json.loads((tmp_path / "config.json").read_text()) == {"a": 2}
    assert (tmp_path / "config.json").stat().st_mode & 0o777 == 0o440
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_http_says(closed_port):
    with web() as url:
        assert bootstrap.http_says(url) == ""
    with web(503) as url:
        assert bootstrap.http_says(url) == "it answers 503"
    assert bootstrap.http_says(f"http://{closed_port}/") == "connection refused"
    assert bootstrap.http_says("http://no-such-name.invalid/") == "its name does not resolve"


def test_amqp_says(closed_port):
    with bus(START) as address:
        assert bootstrap.amqp_says(address) == ""
    with bus(b"AMQP\x00\x00\x09\x01") as address:
        assert bootstrap.amqp_says(address).startswith("it speaks something else")
    with bus(b"") as address:
        assert bootstrap.amqp_says(address) == "it takes connections but does not answer as AMQP yet"
    assert bootstrap.amqp_says(closed_port) == "connection refused"


def test_consumers_of_each_queue():
    assert bootstrap.consumers(METRICS) == {"Master.001": 1, "Worker.001": 0, "fogflow-designer": 2}


def test_queue_says(closed_port):
    with web(body=METRICS.encode()) as url:
        assert bootstrap.queue_says(url, "Master.001", wanted=True) == ""
        assert bootstrap.queue_says(url, "Master.001", wanted=False) == "Master.001 still has 1 consumer(s)"
        assert bootstrap.queue_says(url, "Worker.001", wanted=True) == "Worker.001 has no consumer"
        assert bootstrap.queue_says(url, "Worker.002", wanted=False) == ""
    assert bootstrap.queue_says(f"http://{closed_port}", "Worker.001", wanted=False) == "connection refused"


def test_it_says_what_it_waits_for_once_and_opens_at_once():
    answers = iter(["refused", "refused", "starting", ""])
    said = []
    assert bootstrap.wait([bootstrap.Need("rabbitmq", lambda: next(answers))], 30, said.append)
    assert said[:2] == ["waiting for rabbitmq: refused", "waiting for rabbitmq: starting"]
    assert said[2].startswith("open after ")
    assert len(said) == 3


def test_at_the_deadline_the_last_line_says_what_was_missing():
    said = []
    assert not bootstrap.wait([bootstrap.Need("master", lambda: "Master.001 has no consumer")], 0.2, said.append)
    assert said[-1] == "gave up after 0 s waiting for master: Master.001 has no consumer"


@pytest.mark.parametrize(
    ("values", "index", "own"), [("a", 0, "a"), ("a", 3, "a"), ("a,b,c", 0, "a"), ("a,b,c", 2, "c"), ("a,b", 3, "b")]
)
def test_each_of_several_has_its_own(values, index, own):
    assert bootstrap.pick(values, index) == own


def test_a_value_is_put_at_its_place_and_the_rest_stays():
    config = {"my_hostip": "a", "broker": {"http_port": 8070}}
    assert bootstrap.placed(config, "my_hostip", "b") == config | {"my_hostip": "b"}
    assert bootstrap.placed(config, "broker.host_ip", "b")["broker"] == {"http_port": 8070, "host_ip": "b"}
    assert bootstrap.placed(config, "new.host_ip", "b")["new"] == {"host_ip": "b"}
    assert config == {"my_hostip": "a", "broker": {"http_port": 8070}}


def test_one_of_several_writes_its_own_file_and_waits_for_its_own_queue(tmp_path):
    (tmp_path / "in.json").write_text('{"my_hostip": "", "broker": {"http_port": 8070}}')
    files = [f"--config={tmp_path}/in.json", f"--out={tmp_path}/out.json"]
    own = ["--own=my_hostip=b,b-1,b-2", "--own=broker.host_ip=x,y"]
    queue = ["--unconsumed=previous worker=fogflow-designer,Worker.001"]
    with web(body=METRICS.encode()) as url:
        assert bootstrap.main([*files, "--index=1", *own, f"--metrics={url}", *queue, "--deadline=0"]) == 0
        assert json.loads((tmp_path / "out.json").read_text()) == {
            "my_hostip": "b-1",
            "broker": {"http_port": 8070, "host_ip": "y"},
        }
        assert bootstrap.main([*files, "--index=2", *own, f"--metrics={url}", *queue, "--deadline=0"]) == 1
        assert json.loads((tmp_path / "out.json").read_text())["my_hostip"] == "b-2"


def test_needs_keep_their_order():
    options = bootstrap.parse(
        [
            "--metrics=http://x",
            "--unconsumed=previous worker=W",
            "--consumed=master=M",
            "--amqp=rabbitmq=h:1",
            "--http=d=http://y?a=b",
        ]
    )
    assert [need.name for need in bootstrap.needs_of(options)] == ["d", "rabbitmq", "master", "previous worker"]
    assert options.http == [("d", "http://y?a=b")]


@pytest.mark.parametrize("arguments", [["--config=a"], ["--consumed=a=b"], ["--http=nothing"], ["--definitions=x"]])
def test_a_wrong_command_line_is_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        bootstrap.parse(arguments)
    assert "bootstrap: error" in capsys.readouterr().err


def test_the_whole_program(tmp_path):
    (tmp_path / "in.json").write_text('{"rabbitmq": {"username": "fogflow"}}')
    (tmp_path / "password").write_text("a-long-password-123\n")
    with web() as url, bus(START) as address:
        argv = [
            sys.executable, str(SCRIPT), f"--config={tmp_path}/in.json", f"--out={tmp_path}/out.json",
            f"--password-file={tmp_path}/password", f"--definitions={tmp_path}/definitions.json",
            f"--http=discovery={url}", f"--amqp=rabbitmq={address}", "--deadline=20",
        ]  # fmt: skip
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("bootstrap: open after ")
    written = json.loads((tmp_path / "out.json").read_text())
    assert written == {"rabbitmq": {"username": "fogflow", "password": "a-long-password-123"}}
    assert json.loads((tmp_path / "definitions.json").read_text())["users"][0]["name"] == "fogflow"
    assert "a-long-password" not in done.stdout + done.stderr


def test_what_is_missing_is_told_in_one_line(tmp_path, capsys):
    assert bootstrap.main([f"--config={tmp_path}/none.json", f"--out={tmp_path}/x"]) == 1
    assert capsys.readouterr().out.startswith("bootstrap: cannot prepare the configuration: ")
    (tmp_path / "password").write_text("\n")
    assert bootstrap.main([f"--definitions={tmp_path}/x", f"--password-file={tmp_path}/password"]) == 1
    assert "`password` has no value" in capsys.readouterr().out


def test_sigterm_ends_it_at_once(closed_port):
    argv = [sys.executable, "-u", str(SCRIPT), f"--amqp=rabbitmq={closed_port}", "--deadline=60"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "bootstrap: waiting for rabbitmq: connection refused\n"
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=5) == 143


# -- the designer's ------------------------------------------------------------------------------------------------------


def test_it_opens_when_the_service_leads_to_this_pod_and_leaves_the_port_to_the_program():
    port = free_port()
    assert designers.arrive(f"127.0.0.1:{port}").startswith("the Service leads to this pod after 0.")
    socket.create_server(("127.0.0.1", port)).close()


def test_a_service_that_leads_nowhere_costs_its_patience_only():
    assert "does not reach itself" in designers.arrive(f"nowhere.invalid:{free_port()}", 0.3)


def test_another_pod_that_hears_it_is_not_this_one():
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as this, socket.create_server(("127.0.0.1", 0)) as other:
        this.settimeout(0.2)

        def hear():
            connection, _ = other.accept()
            with connection:
                heard.append(connection.recv(16))

        thread = threading.Thread(target=hear)
        thread.start()
        assert not designers._reaches_us(this, *other.getsockname())
        thread.join()
        assert len(heard[0]) == 16
        assert designers._reaches_us(this, *this.getsockname())


def test_the_users_of_edges_come_back_at_every_start(tmp_path):
    from fogflow_k8s.model.edge.token import definitions

    (tmp_path / "password").write_text("secret")
    (tmp_path / "edges").mkdir()
    for site in ("002", "003"):
        text = json.dumps({"definitions": definitions(site, "p", b"salt")})
        (tmp_path / "edges" / f"{site}.json").write_text(text)
    common = [f"--password-file={tmp_path}/password", f"--definitions={tmp_path}/made.json"]
    assert bootstrap.main([*common, f"--edges={tmp_path}/edges"]) == 0
    made = json.loads((tmp_path / "made.json").read_text())
    assert [user["name"] for user in made["users"]] == ["fogflow", "edge-002", "edge-003"]
    assert [one["user"] for one in made["topic_permissions"]] == ["edge-002", "edge-003"]
    assert [one["name"] for one in made["exchanges"]] == ["fogflow"], "once, and before the rights that need it"
    (tmp_path / "none").mkdir()
    assert bootstrap.main([*common, f"--edges={tmp_path}/none"]) == 0
    assert json.loads((tmp_path / "made.json").read_text()).keys() == {"vhosts", "users", "permissions"}
