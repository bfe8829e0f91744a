"""Support archives: which evidence is collected, how it is masked, and how the archive is written."""
