"""What a user can set: config.json and values.yaml as pydantic models, presets, and upstream's older keys."""
