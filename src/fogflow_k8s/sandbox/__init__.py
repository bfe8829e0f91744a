"""A Kubernetes of one's own on this machine, from released Go modules; knows nothing of FogFlow."""
