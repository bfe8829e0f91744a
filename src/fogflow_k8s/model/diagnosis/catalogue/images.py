"""Causes FK-4xxx: a node cannot pull an image, or cannot run it."""

from __future__ import annotations

from fogflow_k8s.model.diagnosis.catalogue.entry import DESCRIBE, Entry

ENTRIES = (
    Entry(
        "FK-4001",
        "permanent",
        "the image does not exist",
        explanation="The registry has no such name or tag. The first deploy of a mistyped tag stops here after a few seconds.",
        advice=("check {component}.image in your values (name and tag), and that it was pushed to that registry",),
    ),
    Entry(
        "FK-4002",
        "permanent",
        "the registry denies access to the image: credentials are missing or wrong",
        explanation="A registry answers `not authorized` to clients that may not see an image, whether the image exists or not.",
        advice=(
            "check the name of the image: many registries give the same answer for an image that does not exist",
            "kubectl -n {namespace} create secret docker-registry NAME --docker-server=... --docker-username=...",
            "name it under global.imagePullSecrets in your values",
        ),
    ),
    Entry(
        "FK-4003",
        "transient",
        "the registry limits the rate of pulls",
        explanation="Docker Hub counts pulls per address: 100 in six hours without a login. The kubelet retries after increasing delays.",
        advice=("wait, or log in: global.imagePullSecrets",),
    ),
    Entry(
        "FK-4004",
        "permanent",
        "the image is for another platform than the node",
        explanation="An image is built for a processor architecture. `images check` compares it with the processors of your nodes.",
        advice=(
            "kubectl get nodes -L kubernetes.io/arch",
            "use an image of that architecture: {component}.image",
        ),
    ),
    Entry(
        "FK-4005",
        "permanent",
        "the image is not on the node, and its pull policy is Never",
        explanation="With `pullPolicy: Never`, the image must already be loaded on every node that may run the pod.",
        advice=("load it on every node, or set {component}.image.pullPolicy to IfNotPresent",),
    ),
    Entry(
        "FK-4006",
        "permanent",
        "the image's name is not a valid reference",
        explanation="The name must be in lower case and without spaces; a tag follows a colon, a digest follows an `@`.",
        advice=("correct {component}.image in your values",),
    ),
    Entry(
        "FK-4009",
        "transient",
        "the image cannot be pulled",
        explanation="The node has a problem with its network or name resolution, or the registry fails: waiting may help. The evidence contains the kubelet's message.",
        advice=(DESCRIBE,),
    ),
    Entry(
        "FK-4010",
        "permanent",
        "the node does not accept the certificate of the image's registry",
        explanation="The registry's certificate was issued by an authority that the node's container runtime does not know, is for another name, or has expired; or the registry uses plain HTTP. A `check` on your machine does not test the nodes.",
        advice=(
            "make the nodes' container runtime trust the registry's authority (containerd: certs.d/HOST/hosts.toml)",
            DESCRIBE,
        ),
    ),
)
