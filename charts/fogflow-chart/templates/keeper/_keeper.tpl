{{/* Where the keeper and `leave` find everything: their files, and who is where. */}}
{{- define "fogflow.keeper.files" -}}
{{- range $path, $_ := .Files.Glob "files/keeper/*.py" }}
{{ base $path }}: |
  {{- $.Files.Get $path | nindent 2 }}
{{- end }}
{{- end }}

{{- define "fogflow.keeper.where" -}}
- --release={{ .Release.Name }}
- --namespace={{ .Release.Namespace }}
- --tasks-namespace={{ include "fogflow.tasksNamespace" . }}
{{- end }}

{{- define "fogflow.keeper.members" -}}
{{- $c := .Values.config -}}
{{- with include "fogflow.rabbitmq.metrics" . }}
- --member=rabbitmq={{ . }}
{{- end }}
- --member=discovery=http://{{ include "fogflow.fqdn" (list . "discovery") }}:{{ int $c.discovery.http_port }}
- --member=cloud-broker=http://{{ include "fogflow.fqdn" (list . "cloud-broker") }}:{{ int $c.broker.http_port }}
- --member=master=http://{{ include "fogflow.fqdn" (list . "master") }}:{{ int $c.master.rest_api_port }}
- --member=designer=http://{{ include "fogflow.fqdn" (list . "designer") }}:{{ int $c.designer.webSrvPort }}
- --member=nginx=http://{{ include "fogflow.fqdn" (list . "nginx") }}:80
{{- end }}

{{/* What may be done to tasks of a worker that is gone. */}}
{{- define "fogflow.keeper.taskRules" -}}
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [delete]
{{- end }}
