"""The API server: kubeconfig, login, requests, and kubectl for what needs a stream."""
