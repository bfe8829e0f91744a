"""Clients of everything outside this program: Helm, Kubernetes, registries, Docker, FogFlow, and the local disk.

One module or package serves one system. Its functions take and return plain data, and raise the errors of
`fogflow_k8s.errors` or subclasses of them; exceptions of a library do not leave the module that calls it.
"""
