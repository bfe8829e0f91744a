"""What is counted, for Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.25, 0.5, 1, 2, 4, 6, 10, 20, 40, 60, 120, 300)

MESSAGES = Counter("fogflow_worker_messages", "Messages of the master, by type and what came of them", ("type", "note"))
GARBAGE = Counter("fogflow_worker_garbage", "Deliveries of which nothing can be made, put aside")
TASKS = Gauge("fogflow_worker_tasks", "Tasks by state", ("state",))
LAUNCH_S = Histogram("fogflow_worker_launch_seconds", "From ADD_TASK to subscribed", buckets=_SECONDS)
QUEUE = Gauge("fogflow_worker_queue_depth", "Tasks that are to be looked at")
ERRORS = Counter("fogflow_worker_errors", "Calls that failed, by whom was called", ("peer",))
RESTARTS = Counter("fogflow_worker_reconnects", "Connections to the bus that were made anew")
RESUBSCRIBED = Counter("fogflow_worker_resubscribed", "Subscriptions that the broker had lost")
ACTIVE = Gauge("fogflow_worker_active", "1 while this replica is the one that acts")
