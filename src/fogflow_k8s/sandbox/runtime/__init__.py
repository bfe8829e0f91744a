"""Programs that a sandbox runs as separate processes; they import the standard library only."""
