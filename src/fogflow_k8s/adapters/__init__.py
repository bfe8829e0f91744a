"""Whom we talk to: one file per outside party; plain data in and out, typed errors only."""
