"""Imports the whole tool, for the process whose children the runs of tests.tool are."""

import importlib
import pkgutil

import fogflow_k8s
from fogflow_k8s.model.settings.config import FogflowConfig
from fogflow_k8s.model.settings.values import Values

STANDALONE = ("fogflow_k8s.__main__", "fogflow_k8s.loadgen", "fogflow_k8s.sandbox.runtime")
"""Programs that run elsewhere than in the tool."""

for module in pkgutil.walk_packages(fogflow_k8s.__path__, "fogflow_k8s."):
    if not module.name.startswith(STANDALONE):
        importlib.import_module(module.name)
for model in (Values, FogflowConfig):
    model.model_validate({})  # pydantic makes the validators of a model when it is first used
