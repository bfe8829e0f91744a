"""The load generator: the program in the pod of a run's Job.

It uses the standard library of Python, the model of `bench`, and the program vegeta (https://github.com/tsenart/vegeta), which
sends the requests at their planned times. It comes into the pod by a ConfigMap and gets no secret. It prepares the entities, runs
vegeta, receives the notifications, removes what it made, and prints lines of JSON: one each second with the progress, and at the
end one with the result. fogflow-k8s reads both from the pod's log.
"""
