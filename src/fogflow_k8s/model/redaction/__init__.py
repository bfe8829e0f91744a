"""Redaction: find secrets in texts and objects and replace them by a mask, and list what was masked in a support archive."""
