"""The rules about a Helm release: its revisions, the Lease against concurrent operations, permissions, and data that a change loses."""
