"""A release over time: revisions, the Lease, permissions, and what a change would lose."""
