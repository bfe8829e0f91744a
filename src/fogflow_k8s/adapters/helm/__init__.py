"""The helm command as a child process, its error messages, and the releases that it stores in the cluster."""
