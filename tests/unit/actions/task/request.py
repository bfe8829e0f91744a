"""The request of a task that the tests run and stop."""

from fogflow_k8s.actions.task.run import TaskRequest

REQUEST = TaskRequest(
    "r.example/count:1", "Temperature", "Count", "f1", parameters={"cpu-request": "50m"}, timeout_s=10
)
