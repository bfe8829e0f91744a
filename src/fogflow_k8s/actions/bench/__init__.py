"""`bench`: performance evaluation of an installed release. A run is a Job of the release's namespace, or observed tasks."""
