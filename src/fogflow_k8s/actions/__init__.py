"""The use cases: one package per group of commands, one module per use case.

An action takes an `Operation` (the release, and the adapters for Helm and Kubernetes) and returns a result object, which
the console turns into a table or JSON. Only actions combine several adapters.
"""
