"""The command `check`: checks of the cluster and the settings before a deploy, and of an installed release."""
