{{/* Whether the tasks namespace is the chart's to furnish, and whether its pods can be put right at their creation. */}}
{{- define "fogflow.tasks.ours" -}}
{{- if and .Values.tasks.createNamespace (ne (include "fogflow.tasksNamespace" .) .Release.Namespace) }}true{{ end }}
{{- end }}

{{- define "fogflow.tasks.admission" -}}
{{- $api := "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" -}}
{{- if and (include "fogflow.tasks.ours" .) .Values.tasks.admission.enabled (.Capabilities.APIVersions.Has $api) }}true{{ end }}
{{- end }}
