"""Placement: the cluster's topology, whether the pods of a release fit on its nodes and into its quotas, and the API server's address."""
