"""The worker's metrics for Prometheus, served at /metrics."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.25, 0.5, 1, 2, 4, 6, 10, 20, 40, 60, 120, 300)

MESSAGES = Counter("fogflow_worker_messages", "Messages of the master, by type and result", ("type", "result"))
INVALID = Counter("fogflow_worker_invalid_messages", "Deliveries that the worker moved to the dead-letter queue")
TASKS = Gauge("fogflow_worker_tasks", "Tasks by state", ("state",))
LAUNCH_S = Histogram(
    "fogflow_worker_launch_seconds", "Seconds from ADD_TASK to running and subscribed", buckets=_SECONDS
)
QUEUE = Gauge("fogflow_worker_queue_depth", "Tasks that wait to be reconciled")
ERRORS = Counter("fogflow_worker_errors", "Failed calls, by peer (kubernetes, broker, rabbitmq)", ("peer",))
RECONNECTS = Counter("fogflow_worker_reconnects", "Connections to RabbitMQ that were opened again")
RESUBSCRIBED = Counter("fogflow_worker_resubscribed", "Subscriptions that the broker had lost")
ACTIVE = Gauge("fogflow_worker_active", "1 while this replica holds the Lease")
