"""fogflow-k8s: takes a Kubernetes cluster to a verified working FogFlow, and back."""

__version__ = "1.0.0"
