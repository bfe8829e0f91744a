{{/* Whether the chart creates objects in the tasks namespace, and whether an admission policy can correct its pods. */}}
{{- define "fogflow.tasks.ours" -}}
{{- if and .Values.tasks.createNamespace (ne (include "fogflow.tasksNamespace" .) .Release.Namespace) }}true{{ end }}
{{- end }}

{{- define "fogflow.tasks.admission" -}}
{{- /* The native worker's pods need no correction. The decision depends on the Kubernetes version, which `helm template` also knows, and not on the API, so that a rendered manifest can be compared with the installed one. */ -}}
{{- $can := semverCompare ">=1.36-0" .Capabilities.KubeVersion.Version -}}
{{- if and (include "fogflow.tasks.ours" .) .Values.tasks.admission.enabled $can (not (include "fogflow.worker.keepsTasks" .)) }}true{{ end }}
{{- end }}

{{/* The ConfigMap that owns everything that the native worker creates. */}}
{{- define "fogflow.tasks.owner" -}}
fogflow-worker
{{- end }}

{{/* The native worker's rules: it watches the objects that it created, so that it knows them after a restart. */}}
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
