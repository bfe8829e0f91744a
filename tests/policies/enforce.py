"""The judge's verdicts enforced on a sandbox's real nodes: one nftables table per node, renewed when pods come and go.

No network plugin that enforces policies can be had from Go's module proxy, so the enforcement is ours and the verdicts are
not. A table stands in its node's network namespace and goes with it. It sees connections between two pods of a node (the
bridge hands them over: bridge-nf-call-iptables is 1 there) and between nodes, and those through a Service after
kube-proxy has put the pod's address in. What a node itself sends to its pods passes, as Kubernetes demands.
"""

import contextlib
import itertools
import subprocess
import threading

from tests.policies.design import UNUSED
from tests.policies.judge import Peer

NOWHERE = Peer("somewhere", "outside", "192.0.2.1")
"""An address that no list knows: what passes from there passes from everywhere outside."""
TABLE = "fogflow_policies"
_RULES = """
table inet {table} {{}}
delete table inet {table}
table inet {table} {{
  set known {{ type ipv4_addr; {known} }}
  set limited {{ type ipv4_addr; {limited} }}
  set guarded {{ type ipv4_addr; {guarded} }}
  set itself {{ type ipv4_addr . ipv4_addr; {itself} }}
  set allowed {{ type ipv4_addr . ipv4_addr . inet_proto . inet_service; {allowed} }}
  set entrances {{ type ipv4_addr . inet_proto . inet_service; {entrances} }}
  chain judge {{
    ct state established,related accept
    ip saddr . ip daddr @itself accept
    ip saddr . ip daddr . meta l4proto . th dport @allowed accept
    ip saddr @limited drop
    ip saddr {pods} ip saddr != @known drop comment "a pod that is new is heard of first"
    ip daddr . meta l4proto . th dport @entrances accept
    ip daddr @guarded drop
    ip daddr {pods} ip daddr != @known drop
  }}
  chain forward {{ type filter hook forward priority -5; jump judge; }}
  chain input {{ type filter hook input priority -5; ip saddr {pods} jump judge; }}
}}
"""


def table(allowed, pods, peers, network):
    """The text of a node's table. `allowed`: the flows of `questions` that passed; `network`: of all pods."""
    passes = {(source.address, destination.address, port, kind) for source, destination, port, kind in allowed}
    limited = {pod.address for pod in pods if (pod.address, NOWHERE.address, UNUSED, "TCP") not in passes}
    guarded = {pod.address for pod in pods if (NOWHERE.address, pod.address, UNUSED, "TCP") not in passes}
    addresses = {peer.address for peer in peers}
    return _RULES.format(
        table=TABLE,
        pods=network,
        known=_elements(pod.address for pod in pods),
        limited=_elements(limited),
        guarded=_elements(guarded),
        itself=_elements(f"{pod.address} . {pod.address}" for pod in pods),
        allowed=_elements(
            f"{source} . {destination} . {kind.lower()} . {port}"
            for source, destination, port, kind in passes
            if {source, destination} <= addresses and (source in limited or destination in guarded)
        ),
        entrances=_elements(
            f"{destination} . {kind.lower()} . {port}"
            for source, destination, port, kind in passes
            if source == NOWHERE.address and destination in guarded
        ),
    )


def _elements(words):
    found = ", ".join(sorted(words))
    return f"elements = {{ {found} }};" if found else ""


def questions(pods, outside, ports):
    """Every flow that a node could meet: between two pods, out of and into each."""
    outside = [*outside, NOWHERE]
    pairs = [*itertools.permutations(pods, 2), *itertools.product(pods, outside), *itertools.product(outside, pods)]
    return [(*pair, port, kind) for pair in pairs for port in sorted(ports) for kind in ("TCP", "UDP")]


class Guard:
    """Keeps every node's table as the judge says for the pods of the moment; a pod that is new has to wait for it.

    `outside` are peers outside the cluster, `ports` what they listen on.
    """

    def __init__(self, box, judge, outside, ports):
        self.box, self.judge, self.outside, self.ports = box, judge, outside, ports
        self.pods, self.allowed, self.loads, self.trouble = [], set(), 0, None
        self._seen, self._stop, self._lock = None, threading.Event(), threading.RLock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.load()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self.clear()
        assert self.trouble is None, self.trouble

    def _run(self):
        while not self._stop.wait(0.3):
            try:
                self.load()
            except Exception as error:  # noqa: BLE001 - told by __exit__, on the main thread
                self.trouble = error
                return

    @contextlib.contextmanager
    def away(self):
        """No table on any node meanwhile."""
        with self._lock:
            self.clear()
            yield
            self.again()

    def again(self):
        """Put what holds now on every node."""
        with self._lock:
            self._seen = None
            self.load()

    def load(self):
        """Put what holds now on every node, when it is not there already."""
        with self._lock:
            items = self.box.get("pods,networkpolicies,namespaces", "-A")["items"]
            pods = [peer(item) for item in items if item["kind"] == "Pod" and is_placed(item)]
            policies = [item for item in items if item["kind"] == "NetworkPolicy"]
            now = (
                {pod.key + pod.address for pod in pods},
                {(each["metadata"]["uid"], each["metadata"]["generation"]) for each in policies},
            )
            if now == self._seen:
                return
            labels = {i["metadata"]["name"]: i["metadata"]["labels"] for i in items if i["kind"] == "Namespace"}
            ports = {UNUSED, *self.ports, *(number for pod in pods for _, number, _ in pod.ports)}
            flows = questions(pods, self.outside, ports)
            self.pods, self.allowed = pods, self.judge.allowed(policies, labels, flows)
            text = table(self.allowed, pods, [*pods, *self.outside], f"10.{128 + self.box.state['network']}.0.0/16")
            self._nft("-f", "-", stdin=text)
            self._seen, self.loads = now, self.loads + 1

    def clear(self):
        with self._lock:
            self._nft("delete", "table", "inet", TABLE)

    def _nft(self, *words, stdin=None):
        state = self.box.state
        for node in set(state["nodes"]) - set(state["off"]):
            argv = ["nsenter", "-t", str(state["machines"][node]["pid"]), "-n", "nft", *words]
            done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=30, check=False)
            assert done.returncode == 0, f"{node}: {done.stderr[:2000]}"


def is_placed(pod):
    """Whether it has an address of its own: not its node's, and not one given back. Init containers have it already."""
    status = pod["status"]
    running = status["phase"] in {"Pending", "Running"}
    return bool(status.get("podIP")) and running and not pod["spec"].get("hostNetwork")


def peer(pod):
    """A pod as the judge knows it; its role in the design by its labels."""
    meta, labels = pod["metadata"], pod["metadata"].get("labels", {})
    ports = tuple(
        (port.get("name", ""), port["containerPort"], port.get("protocol", "TCP"))
        for container in pod["spec"]["containers"]
        for port in container.get("ports", [])
    )
    role = labels.get("app.kubernetes.io/name", labels.get("k8s-app", labels.get("app", "")))
    role = "task" if role.startswith("fogflow-task") else {"kube-dns": "dns"}.get(role, role)
    return Peer(meta["name"], role, pod["status"]["podIP"], meta["namespace"], labels, ports)
