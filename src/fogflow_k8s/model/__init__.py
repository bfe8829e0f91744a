"""The data of the program and the rules on it, without input, output or clock.

Everything here is a function or a frozen type over plain values: Kubernetes objects as dictionaries, settings, texts of other
programs. What a rule needs from outside, such as the time, is a parameter. The packages: settings, placement, diagnosis, diff,
redaction, release, task, edge and image.
"""
