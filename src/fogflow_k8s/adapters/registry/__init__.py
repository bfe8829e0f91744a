"""Image registries: requests and logins."""
