"""The command `doctor`: find problems of a release, and fix those that are safe to fix."""
