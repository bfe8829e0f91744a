"""On which nodes pods find room, what quotas leave, and what a cluster's shape says."""
