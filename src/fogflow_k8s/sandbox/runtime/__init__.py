"""Programs that a sandbox runs as processes of their own; they import nothing but the standard library."""
