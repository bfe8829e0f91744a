"""Causes FK-61xx: an edge cannot join its cloud, or edge and cloud cannot reach each other."""

from __future__ import annotations

from fogflow_k8s.model.diagnosis.catalogue.entry import Entry

_CREATE_AGAIN = "create a new token at the cloud: fogflow-k8s edge token create --site SITE --external-ip IP"

ENTRIES = (
    Entry(
        "FK-6101",
        "permanent",
        "the edge's token has expired",
        explanation="A token is valid for the duration given by `--ttl`, by the cloud's clock. An edge that has joined no longer needs its token.",
        advice=(_CREATE_AGAIN,),
    ),
    Entry(
        "FK-6102",
        "permanent",
        "the edge's token is mistyped",
        explanation="The token contains a checksum over all of it: a character was changed, added or lost when it was copied. No request was sent to the cloud.",
        advice=(
            "copy the whole line again, from fke1. to its end",
            _CREATE_AGAIN,
        ),
    ),
    Entry(
        "FK-6103",
        "permanent",
        "the edge's token is cut off",
        explanation="A token ends in a checksum of 16 digits, and this one does not: chat programs and terminals cut long lines.",
        advice=(
            "copy the whole line again, from fke1. to its end",
            _CREATE_AGAIN,
        ),
    ),
    Entry(
        "FK-6104",
        "permanent",
        "the edge's token was already used, or was withdrawn",
        explanation="A token is for one edge. Either RabbitMQ refuses the token's login, because the edge was removed or the token expired and was cleared away; or a mark in RabbitMQ says that another cluster has joined with it.",
        advice=(_CREATE_AGAIN,),
    ),
    Entry(
        "FK-6105",
        "transient",
        "a port of the cloud cannot be reached from the edge",
        explanation="Before anything is changed, `edge join` connects to each port of the cloud: to RabbitMQ with a real login, to discovery and broker with a real request. A NetworkPolicy drops packets silently: the message is then `no answer in time`. The cloud accepts only the addresses in `networkPolicy.edges.cidrs`; behind NAT that is the address of the router. The cloud's Services for edges have `externalTrafficPolicy: Local`, because otherwise the policies would see a node's address instead of the edge's. A node therefore answers only for the pods that it runs, and RabbitMQ, discovery and broker must run on the node whose address the edge was given.",
        advice=(
            "open it from the edge's addresses: at the cloud, --set networkPolicy.edges.cidrs={{CIDR}}",
            "fogflow-k8s edge check",
        ),
    ),
    Entry(
        "FK-6106",
        "permanent",
        "the clocks of the edge and the cloud differ",
        explanation="The edge's clock is compared with the Date header of the cloud's responses. Tokens, leases and the keeper's health reports contain times.",
        advice=("timedatectl set-ntp true",),
    ),
    Entry(
        "FK-6107",
        "permanent",
        "an edge with this site id has already joined",
        explanation="The names of an edge's broker and queue contain the site id: two edges with the same id take each other's messages, and each loses half of them. The id is in use when the site's queue in RabbitMQ has a consumer, or when discovery lists the site's broker.",
        advice=(
            "fogflow-k8s edge list",
            "fogflow-k8s edge remove SITE",
            _CREATE_AGAIN,
        ),
    ),
    Entry(
        "FK-6108",
        "permanent",
        "the cloud does not accept connections from edges",
        explanation="RabbitMQ, broker and discovery can be reached only from inside the cloud's cluster until `expose.edge` opens them to the addresses of the edges. Each must have the same port outside the cluster as inside, because FogFlow tells others the port on which it listens.",
        advice=(
            "fogflow-k8s deploy --set expose.edge.type=externalIPs --set expose.edge.externalIPs={{IP}} --set networkPolicy.edges.cidrs={{CIDR}}",
        ),
    ),
    Entry(
        "FK-6109",
        "transient",
        "the cloud cannot reach the edge's broker",
        explanation="Even for a subscription at the edge to the edge's own data, discovery at the cloud must call the edge's broker on port 8060. Behind NAT without a forwarded port, tasks start but receive no data.",
        advice=(
            "forward port 8060 to the edge, or join it through a VPN: docs/edge.md",
            "fogflow-k8s edge check",
        ),
    ),
    Entry(
        "FK-6110",
        "permanent",
        "the edge's token has another version",
        explanation="The number after `fke` in the token is the version of the token's format.",
        advice=("install the version of fogflow-k8s that installed the cloud",),
    ),
    Entry(
        "FK-6111",
        "transient",
        "the edge is installed, but the cloud does not see both its broker and its worker",
        explanation="The cloud sees the broker when discovery at the cloud lists it, and the worker when its queue at the cloud's RabbitMQ has a consumer. The message says which of the two is missing.",
        advice=(
            "fogflow-k8s edge check",
            "fogflow-k8s status",
        ),
    ),
)
