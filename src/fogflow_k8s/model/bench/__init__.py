"""Performance evaluation: the scenarios of `bench`, their requests, the figures of a run, the search for the capacity.

A *scenario* is one kind of load. A *step* is a scenario at one rate for some seconds. The load is an open model: a request is
sent at its planned time whatever came back before, and its latency counts from this planned time. These modules use the
standard library of Python only, because the load generator (`fogflow_k8s.loadgen`) runs them in a pod; only `comparison` does not.
"""
