"""Explain the keys of config.json and values.yaml."""
