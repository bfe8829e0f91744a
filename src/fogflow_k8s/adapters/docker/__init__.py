"""The Docker engine, and the build contexts that it gets."""
