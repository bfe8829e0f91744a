"""Change a release: deploy, roll back, restart, uninstall; and say beforehand what that would do."""
