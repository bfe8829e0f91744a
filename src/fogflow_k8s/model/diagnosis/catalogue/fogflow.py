"""Causes FK-60xx: the pods are ready, but FogFlow's components or its tasks do not work together."""

from __future__ import annotations

from fogflow_k8s.model.diagnosis.catalogue.entry import Entry

ENTRIES = (
    Entry(
        "FK-6001",
        "blocked",
        "the component waits for another component that is not ready",
        explanation="FogFlow's components depend on each other in this order: RabbitMQ and discovery, broker, master, worker and designer. Only the first one that fails is the cause.",
    ),
    Entry(
        "FK-6002",
        "transient",
        "RabbitMQ does not answer",
        explanation="The keeper gets no answer from RabbitMQ. Until RabbitMQ answers, no other component is restarted, because all of them would fail again.",
        advice=(
            "kubectl -n {namespace} logs deployment/rabbitmq --all-containers",
            "fogflow-k8s restart rabbitmq -n {namespace}",
        ),
    ),
    Entry(
        "FK-6003",
        "transient",
        "the component has no consumer on its RabbitMQ queue and will not reconnect until it is restarted",
        explanation="After a RabbitMQ outage, FogFlow's components keep running but never consume from their queues again, while every probe passes. The keeper counts the consumers of each queue and restarts the disconnected components, in order.",
        advice=(
            "the keeper restarts it within a minute",
            "fogflow-k8s restart -n {namespace}",
        ),
    ),
    Entry(
        "FK-6004",
        "transient",
        "the master does not see the worker",
        explanation="The master assigns no tasks to a worker that it does not list.",
        advice=(
            "the keeper restarts it within a minute",
            "fogflow-k8s restart -n {namespace}",
        ),
    ),
    Entry(
        "FK-6005",
        "transient",
        "discovery has lost its state, or does not answer",
        explanation="Discovery keeps its whole state in memory. The keeper has a copy and restores it.",
        advice=(
            "the keeper restores the state from its copy",
            "fogflow-k8s logs keeper -n {namespace}",
        ),
    ),
    Entry(
        "FK-6006",
        "transient",
        "the broker is not registered, has lost its state, or does not answer",
        explanation="The broker keeps entities and subscriptions in memory. The keeper has a copy and restores them.",
        advice=(
            "the keeper restores the state from its copy",
            "fogflow-k8s logs keeper -n {namespace}",
        ),
    ),
    Entry(
        "FK-6007",
        "transient",
        "a component of FogFlow does not work",
        explanation="The summary contains the keeper's message.",
        advice=("fogflow-k8s logs {component} -n {namespace}",),
    ),
    Entry(
        "FK-6008",
        "transient",
        "the keeper publishes no current health report, so it is unknown whether FogFlow works",
        explanation="Without the keeper's health report it is unknown whether FogFlow works: ready pods do not prove it.",
        advice=("fogflow-k8s logs keeper -n {namespace}",),
    ),
    Entry(
        "FK-6009",
        "transient",
        "the master created no task for a function",
        explanation="The designer has the function and the broker has the entity, so the master should have created a task from the two. The master drops a task permanently, without a message and without a retry, when no worker is listed or all workers are at `config.worker.capacity`, and when it cannot fetch the function. If the workers are full, raise the capacity. Then restart master and designer: the designer then sends every function again.",
        advice=(
            "fogflow-k8s verify -n {namespace}",
            "fogflow-k8s logs master -n {namespace}",
            "fogflow-k8s task stop {name} -n {namespace}",
        ),
    ),
    Entry(
        "FK-6010",
        "transient",
        "a task runs but publishes nothing",
        explanation="The task's pod is ready, but no entity of its output has reached the broker in time. The task has not been notified of its input, does not publish under the identity that FogFlow gave it, or takes longer: its log may say which.",
        advice=(
            "fogflow-k8s task logs {task} -n {namespace}",
            "fogflow-k8s task stop {name} -n {namespace}",
        ),
    ),
    Entry(
        "FK-6011",
        "permanent",
        "the task of a function failed",
        explanation="The summary contains the reason. The function is kept so that you can inspect it; `task stop` removes it.",
        advice=(
            "fogflow-k8s task list -o wide -n {namespace}",
            "fogflow-k8s task stop {name} -n {namespace}",
        ),
    ),
    Entry(
        "FK-6012",
        "transient",
        "the task of a function does not become ready in time",
        explanation="The summary says what the task waits for. Nothing is removed: the task may still become ready, and `task list` shows when it does.",
        advice=(
            "fogflow-k8s task list -o wide -n {namespace}",
            "fogflow-k8s task stop {name} -n {namespace}",
        ),
    ),
    Entry(
        "FK-6013",
        "transient",
        "a function was removed, but its tasks still exist",
        explanation="The designer notifies the master, and the master notifies the worker, which removes the tasks. The worker cannot do so while it is unavailable, and a master that was restarted in the meantime does not know about earlier tasks.",
        advice=(
            "fogflow-k8s task list -o wide -n {namespace}",
            "fogflow-k8s doctor -n {namespace}",
        ),
    ),
    Entry(
        "FK-6014",
        "transient",
        "a broker keeps subscriptions of tasks that do not exist, although the keeper tries to end them",
        explanation="A broker never drops a subscriber, and it retries failed deliveries from the goroutine that also sends its heartbeat: each connection to a Service that no longer exists takes 30 s to fail, and after a few of them discovery forgets the broker. The keeper ends such subscriptions within seconds; these still existed 30 s later. Most likely the broker does not answer in time, because of them. A restart of the broker removes all of them at once.",
        advice=(
            "fogflow-k8s restart {component} -n {namespace}   (live subscriptions are restored, the others are not)",
            "fogflow-k8s logs keeper -n {namespace}   (why the keeper could not end them)",
        ),
    ),
    Entry(
        "FK-6015",
        "transient",
        "a broker cannot reach a subscriber, and the retries delay all other retries",
        explanation="Deliveries to this subscriber have been pending for 2 minutes. The broker retries without limit, from the goroutine that sends its heartbeat: a subscriber that refuses the connection costs little time, an address that drops packets costs 30 s for each attempt. Only the subscriber's owner knows whether it will come back, so the keeper does not end its subscription.",
        advice=(
            "check whether the subscriber at that address is down, or behind a firewall or a NetworkPolicy",
            "if it is gone permanently, end its subscription at the broker: POST /ngsi10/unsubscribeContext",
        ),
    ),
)
