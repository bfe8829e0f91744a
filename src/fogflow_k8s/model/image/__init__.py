"""Container images: their names and manifests, and the modules that the worker's image needs."""
