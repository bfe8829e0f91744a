"""Builds (or finds) every program that the tests need, with the same code as `sandbox up`."""

from fogflow_k8s.console.plain import PlainReporter
from fogflow_k8s.sandbox.programs import NODE_PACKAGES, PACKAGES, ensure

for name, path in ensure([*PACKAGES, *NODE_PACKAGES], PlainReporter()).items():
    print(f"{name}: {path}")
