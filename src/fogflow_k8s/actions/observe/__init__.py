"""Look at a release and say what is true of it: status, following a rollout, verify, history."""
