"""A local Kubernetes cluster for trying out and testing, from released Go modules; it knows nothing of FogFlow.

A sandbox has a real control plane (etcd, API server, controller manager, scheduler; one or several members). Its nodes
are either simulated, where KWOK updates their status and no container runs, or real, where each node is a set of Linux
namespaces with containerd, a kubelet and kube-proxy. No container engine and no virtual machine is needed.
"""
