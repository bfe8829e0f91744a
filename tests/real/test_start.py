"""From nothing to working, five times: how long, and where the time goes."""

import statistics
import threading
import time

from kubernetes import client, config, watch

from tests.real import deployed
from tests.real.conftest import until
from tests.real.figures import record_in_all
from tests.scope import only_all

BUDGET_S = 10

NAMESPACE = "start"
RUNS = 5


class Readiness(threading.Thread):
    """When each component's first pod became ready, in seconds since the start."""

    def __init__(self, box):
        super().__init__(daemon=True)
        self.api = client.CoreV1Api(config.new_client_from_config(box.env["KUBECONFIG"]))
        self.start_time, self.at = time.monotonic(), {}
        self.watch, self.ended = watch.Watch(), False

    def run(self):
        try:
            for event in self.watch.stream(self.api.list_namespaced_pod, NAMESPACE, timeout_seconds=90):
                pod = event["object"]
                name = (pod.metadata.labels or {}).get("app.kubernetes.io/name")
                if any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions or []):
                    self.at.setdefault(name, time.monotonic() - self.start_time)
        except Exception:  # a stream that is cut off from another thread ends in many ways
            if not self.ended:
                raise

    def end(self):
        """Look no further: at the latest when the pods go, there is an event, and it is the last."""
        self.ended = True
        self.watch.stop()


def works(box):
    """Whether all three consume, the worker is at the master, and the broker at discovery."""
    try:
        fogflow = deployed.FogFlow(box, NAMESPACE, None)
        return (
            all(fogflow.consumers().get(queue) == 1 for queue in fogflow.queues)
            and "Worker.001" in deployed.call("GET", fogflow.url("master", 8010, "/workers"))
            and bool(deployed.call("GET", fogflow.url("discovery", 8090, "/ngsi9/broker")))
        )
    except (OSError, LookupError, ValueError):
        return False


def one_run(box):
    """Seconds from the start of `deploy` to each stage."""
    ready = Readiness(box)
    ready.start()
    deploy = threading.Thread(target=box.tool, args=("deploy", "-n", NAMESPACE))
    deploy.start()
    until(lambda: "rabbitmq" in ready.at, "RabbitMQ is ready")
    until(lambda: works(box), "it works", every=0.1)
    took = time.monotonic() - ready.start_time
    deploy.join()
    told = time.monotonic() - ready.start_time
    ready.end()
    box.tool("uninstall", "-n", NAMESPACE, "--yes")
    until(lambda: not box.get("pods", "-n", NAMESPACE)["items"], "it is gone")
    ready.join(90)
    return {**ready.at, "FogFlow works": took, "deploy says so": told, "after RabbitMQ": took - ready.at["rabbitmq"]}


@only_all
def test_it_works_soon_after_rabbitmq_is_ready(box):
    rows = [one_run(box) for _ in range(RUNS)]
    for name in rows[0]:
        median = statistics.median(row[name] for row in rows if name in row)
        record_in_all("start", name, median, bar=6 if name == "after RabbitMQ" else None)
