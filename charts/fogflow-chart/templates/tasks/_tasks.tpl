{{/* Whether the tasks namespace is the chart's to furnish, and whether its pods can be put right at their creation. */}}
{{- define "fogflow.tasks.ours" -}}
{{- if and .Values.tasks.createNamespace (ne (include "fogflow.tasksNamespace" .) .Release.Namespace) }}true{{ end }}
{{- end }}

{{- define "fogflow.tasks.admission" -}}
{{- /* By the version, which `helm template` can be told, and not by the API: what was rendered can be compared with what runs. */ -}}
{{- $can := semverCompare ">=1.36-0" .Capabilities.KubeVersion.Version -}}
{{- if and (include "fogflow.tasks.ours" .) .Values.tasks.admission.enabled $can }}true{{ end }}
{{- end }}
