{{/* The files of the keeper and of the cleanup hook, and their common arguments. */}}
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

{{/* the cleanup hook scales the worker down, which is a StatefulSet with several workers. */}}
{{- define "fogflow.keeper.setRules" -}}
- apiGroups: [apps]
  resources: [statefulsets]
  resourceNames: [cloud-worker]
  verbs: [patch]
{{- end }}

{{/* The keeper's arguments about the workers: their number, and whether tasks outlive them. */}}
{{- define "fogflow.keeper.workers" -}}
{{- if gt (int .Values.worker.replicas) 1 }}
- --workers={{ int .Values.worker.replicas }}
{{- end }}
{{- if include "fogflow.worker.keepsTasks" . }}
- --worker-keeps-tasks
- --worker-queues={{ include "fogflow.workerQueues" . }}
{{- end }}
{{- end }}

{{/* The rights to delete the tasks of an upstream worker that was lost. */}}
{{- define "fogflow.keeper.taskRules" -}}
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [list, delete]
{{- end }}

{{/* The same for the native worker: the keeper counts tasks and requests their removal, and the cleanup hook deletes all of their objects. */}}
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

{{- define "fogflow.cleanup.keptTaskRules" -}}
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [list]
- apiGroups: [""]
  resources: [services, configmaps]
  verbs: [delete]
{{- end }}
