{{/* Where the keeper and `leave` find everything: their files, and who is where. */}}
{{- define "fogflow.keeper.files" -}}
{{- range $path, $_ := .Files.Glob (ternary "files/{keeper,edge}/*.py" "files/keeper/*.py" (eq (include "fogflow.isEdge" .) "true")) }}
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
{{- range $n := until (int .Values.broker.shards) }}
{{- $name := include "fogflow.shard" $n }}
- --member={{ $name }}=http://{{ include "fogflow.fqdn" (list $ $name) }}:{{ int $c.broker.http_port }}
{{- end }}
- --member=master=http://{{ include "fogflow.fqdn" (list . "master") }}:{{ int $c.master.rest_api_port }}
- --member=designer=http://{{ include "fogflow.fqdn" (list . "designer") }}:{{ int $c.designer.webSrvPort }}
- --member=nginx=http://{{ include "fogflow.fqdn" (list . "nginx") }}:80
{{- end }}

{{/* `leave` scales the worker down, which is a set when there are several. */}}
{{- define "fogflow.keeper.setRules" -}}
- apiGroups: [apps]
  resources: [statefulsets]
  resourceNames: [cloud-worker]
  verbs: [patch]
{{- end }}

{{/* How the keeper knows the workers: how many there are, and what becomes of tasks without them. */}}
{{- define "fogflow.keeper.workers" -}}
{{- if gt (int .Values.worker.replicas) 1 }}
- --workers={{ int .Values.worker.replicas }}
{{- end }}
{{- if include "fogflow.worker.keepsTasks" . }}
- --worker-keeps-tasks
- --worker-queues={{ include "fogflow.workerQueues" . }}
{{- end }}
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

{{/* The same where tasks outlive their worker: the keeper counts them, and `leave` removes all that belongs to them. */}}
{{- define "fogflow.keeper.keptTaskRules" -}}
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list]
{{- if ne (include "fogflow.isEdge" .) "true" }}
- apiGroups: [apps]
  resources: [deployments]
  verbs: [patch]
{{- end }}
{{- end }}

{{- define "fogflow.leave.keptTaskRules" -}}
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, delete]
- apiGroups: [""]
  resources: [services, configmaps]
  verbs: [delete]
{{- end }}
