"""Observe a release without changing it: status, waiting for a rollout, verify, history."""
