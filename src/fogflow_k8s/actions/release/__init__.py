"""Change a release: deploy, roll back, restart, uninstall; diff and render show beforehand what a deploy would do."""
