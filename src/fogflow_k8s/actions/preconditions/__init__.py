"""Preconditions of a deploy: each is checked before the first write to the cluster."""
