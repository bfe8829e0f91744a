"""Image registries: requests, credentials and errors."""
