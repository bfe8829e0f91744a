"""FogFlow's functions and tasks as objects of Kubernetes."""
