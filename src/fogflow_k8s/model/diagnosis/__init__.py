"""Diagnosis: from observed Kubernetes objects to the cause of a failure.

`catalogue` lists every cause with its id and advice. `assessment` combines the rules: `readiness` judges single objects, `pods`,
`containers` and `scheduling` find causes, `root_cause` puts the component to blame first, and `health_report` adds what the
keeper observed inside FogFlow. `admission_messages` and `kubelet_messages` interpret messages of other programs. `findings` has the
additional problems that `doctor` looks for.
"""
