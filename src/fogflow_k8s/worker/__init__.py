"""The native worker: a program that runs FogFlow's tasks as Deployments and stores everything about them there.

It takes the place of FogFlow's own worker in a release (docs/worker.md has its guarantees). The way of a message:
message_bus receives it, protocol makes a typed message of it, task_ledger decides what it means for the task, task_store
stores that in Kubernetes; then task_controller brings pods and subscriptions to the stored state. session connects these
parts while this process holds the Lease.
"""
