"""The settings: config.json and values.yaml as pydantic models, the presets, and upstream's older keys."""
