"""Files of settings: read, changed by --set, rendered by Jinja, and their errors."""
