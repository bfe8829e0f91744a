"""The types of the JSON documents: the only place that lists their keys.

A document is what a verb prints with `-o json`. It is a plain dict; these types describe it for mypy, which refuses a document
with an unknown or a missing key, and for `scripts/schemas.py`, which writes `docs/schema/*.json` from them. Its modules are imported
for type checking only: no verb loads them.

Rules for every document: it begins with `apiVersion` and `kind`, as an object of Kubernetes does, so that a program can tell
an error from a result, and every key is always present: null means that there is no value. Keys are in camelCase, a number has
its unit in its name, a point in time is RFC 3339, and one key has one meaning in all documents.
"""

from typing import Final

API: Final = "fogflow-k8s/v1"
"""The version of every document. Within a version, keys are only added."""
