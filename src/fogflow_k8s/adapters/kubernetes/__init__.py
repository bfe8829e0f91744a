"""The Kubernetes API server: kubeconfig, credentials, requests, and kubectl for logs, exec and port forwarding."""
