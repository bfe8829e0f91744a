"""The loops that actions share: waiting for a condition, running checks, and reporting progress.

They know nothing about Kubernetes or FogFlow. The caller passes functions that observe, decide or show.
"""
