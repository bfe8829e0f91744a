"""Differences between objects: what a deploy would change, field by field, and what was changed by hand since the last one."""
