"""What can go wrong with a FogFlow on Kubernetes, as data: how it is brought about, and what must be said of it."""
