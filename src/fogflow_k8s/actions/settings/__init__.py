"""Explanations of the keys of config.json and values.yaml."""
