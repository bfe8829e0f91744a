{{/* Whether the tasks namespace is the chart's to furnish, and whether its pods can be put right at their creation. */}}
{{- define "fogflow.tasks.ours" -}}
{{- if and .Values.tasks.createNamespace (ne (include "fogflow.tasksNamespace" .) .Release.Namespace) }}true{{ end }}
{{- end }}

{{- define "fogflow.tasks.admission" -}}
{{- /* Our worker's pods are right as it makes them. By the version, which `helm template` can be told, and not by the API: what was rendered can be compared with what runs. */ -}}
{{- $can := semverCompare ">=1.36-0" .Capabilities.KubeVersion.Version -}}
{{- if and (include "fogflow.tasks.ours" .) .Values.tasks.admission.enabled $can (not (include "fogflow.worker.keepsTasks" .)) }}true{{ end }}
{{- end }}

{{/* The ConfigMap that owns all that our worker makes. */}}
{{- define "fogflow.tasks.owner" -}}
fogflow-worker
{{- end }}

{{/* What our worker does: it watches what it made, so that it knows all of it again after its own restart. */}}
{{- define "fogflow.worker.rules" -}}
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, create, update]
{{- end }}
