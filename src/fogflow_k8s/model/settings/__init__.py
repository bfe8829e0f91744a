"""The settings: config.json and values.yaml as pydantic models, the presets, and upstream's older keys.

Two files configure a release. config.json is FogFlow's own file, values.yaml that of the Helm chart, and config.json becomes the
section `config` of the values. The models check both files and are the source of the chart's values.schema.json.
"""
