"""`python -m fogflow_k8s`."""

from fogflow_k8s.cli import main

main()
