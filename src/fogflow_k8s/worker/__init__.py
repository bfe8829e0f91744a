"""Our worker: runs FogFlow's tasks as Deployments, and keeps what it knows in them. docs/worker.md says what it promises."""
