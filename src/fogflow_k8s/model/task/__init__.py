"""FogFlow's functions and tasks: their types, the Kubernetes objects that run them, and how a task's state is read from these."""
