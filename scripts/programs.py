"""Builds (or finds) every program that the tests need, or those that are named, with the same code as `sandbox up`."""

import sys

from fogflow_k8s.console.plain import PlainReporter
from fogflow_k8s.sandbox.programs import NODE_PACKAGES, PACKAGES, ensure

for name, path in ensure(sys.argv[1:] or [*PACKAGES, *NODE_PACKAGES], PlainReporter()).items():
    print(f"{name}: {path}")
