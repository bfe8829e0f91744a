"""Settings: config.json, values.yaml and --set, read, validated and rendered."""
